import { hash } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type FakeIssuer, startFakeIssuer } from '../support/fake-issuer.js'
import { startService, type TestService } from '../support/service.js'
import { ask, clears, logInAt, sameOrigin, setCookies, whoIs } from './visit.js'

let issuer: FakeIssuer
let service: TestService
beforeAll(async () => {
  issuer = await startFakeIssuer()
  service = await startService({ ...issuer.env, SESSION_LIFETIME_HOURS: '2' })
})
afterAll(async () => {
  await service.close()
  await issuer.close()
})

const hour = 3_600_000
/** The id that a cookie carries, without its signature. */
const idIn = (cookie: string) => decodeURIComponent(cookie.split('=')[1] ?? '').split('.')[0] ?? ''
const isStored = async (cookie: string) =>
  (await service.db.prisma.session.count({ where: { idHash: hash('sha256', idIn(cookie), 'buffer') } })) === 1

test('the cookie of a session is out of reach of scripts and of other sites', async () => {
  const { answer } = await logInAt(issuer, service)

  const line = setCookies(answer).find((one) => one.startsWith('latchkey_session=')) ?? ''
  expect(line).toMatch(/; Path=\/; /)
  expect(line).toMatch(/; HttpOnly; /)
  expect(line).toMatch(/; SameSite=Lax(;|$)/)
  expect(line).not.toMatch(/Domain|SameSite=None/)
  // Over plain http a browser would not send a secure one back.
  expect(line).not.toContain('Secure')
})

test('the database knows a session by the hash of its id, and holds nothing that a browser could send', async () => {
  const { session } = await logInAt(issuer, service)

  const tables = await service.db.query<{ line: string }>({
    name: 'every-session',
    text: `SELECT to_jsonb(sessions)::text || encode(id_hash, 'escape') AS line FROM sessions`,
    values: [],
  })
  expect(await isStored(session)).toBe(true)
  const stored = tables.map(({ line }) => line).join('\n')
  expect(stored).not.toContain(idIn(session))
  expect(stored).not.toContain(decodeURIComponent(session.split('=')[1] ?? ''))
  expect(stored).not.toMatch(/access_token|refresh_token|code_verifier/)
})

test.each([
  ['changed id', (cookie: string) => cookie.replace(/=./, (start) => (start === '=A' ? '=B' : '=A'))],
  ['changed signature', (cookie: string) => `${cookie.slice(0, -3)}abc`],
  ['no signature', (cookie: string) => `latchkey_session=${idIn(cookie)}`],
  ['an id that somebody made up', () => 'latchkey_session=made-up.made-up'],
  ['an empty value', () => 'latchkey_session='],
  ['a value that cannot be decoded', () => 'latchkey_session=%E0%A4%A'],
])('a session cookie with %s is nobody', async (_name, change) => {
  const { session } = await logInAt(issuer, service)

  const answer = await ask(service, { url: '/me', headers: { cookie: change(session) } })

  expect(answer.status).toBe(401)
  expect(answer.json.code).toBe('not_authenticated')
  expect(await whoIs(service, session)).toMatchObject({ login: 'carol' })
})

test('a session id that was planted in the browser before is not the one after the login', async () => {
  const { session: planted } = await logInAt(issuer, service, {
    idToken: { sub: 'mallory-id', preferred_username: 'mallory' },
    accessToken: { sub: 'mallory-id', preferred_username: 'mallory' },
  })

  const { session } = await logInAt(issuer, service, {}, planted)

  expect(idIn(session)).not.toBe(idIn(planted))
  expect(await whoIs(service, session)).toMatchObject({ login: 'carol' })
  expect(await whoIs(service, planted)).toBeUndefined()
  expect(await isStored(planted)).toBe(false)
})

test('an id that nobody logged in with is never taken over', async () => {
  const { session } = await logInAt(issuer, service, {}, 'latchkey_session=chosen-by-the-attacker')

  expect(session).not.toContain('chosen')
  expect(await whoIs(service, 'latchkey_session=chosen-by-the-attacker')).toBeUndefined()
})

test('logging in once more ends the session that the browser had, and no other', async () => {
  const elsewhere = await logInAt(issuer, service)
  const first = await logInAt(issuer, service)

  const second = await logInAt(issuer, service, {}, first.session)

  expect(await whoIs(service, first.session)).toBeUndefined()
  expect(await whoIs(service, second.session)).toBeDefined()
  expect(await whoIs(service, elsewhere.session)).toBeDefined()
})

test('a session ends after its lifetime, however much it was used', async () => {
  const { session } = await logInAt(issuer, service)

  service.clock.advance(2 * hour - 1000)
  const justBefore = await whoIs(service, session)
  service.clock.advance(1000)
  const after = await ask(service, { url: '/me', headers: { cookie: session } })
  service.clock.advance(-2 * hour)

  expect(justBefore).toMatchObject({ login: 'carol' })
  expect(after.status).toBe(401)
  expect(after.body).not.toContain('carol')
})

test('sessions that ended are cleared away by later logins', async () => {
  const { session } = await logInAt(issuer, service)

  service.clock.advance(3 * hour)
  await logInAt(issuer, service)
  service.clock.advance(-3 * hour)

  expect(await isStored(session)).toBe(false)
})

test('a session of someone who was disabled is refused at once, and a new login as well', async () => {
  const { session } = await logInAt(issuer, service)
  const setEnabled = (enabled: boolean) =>
    service.db.prisma.owner.update({ where: { subject: 'carol-id' }, data: { enabled } })
  await setEnabled(false)
  const sessions = await service.db.prisma.session.count()

  const me = await ask(service, { url: '/me', headers: { cookie: session } })
  const again = await logInAt(issuer, service).catch((error: Error) => error.message)
  const counted = await service.db.prisma.session.count()
  await setEnabled(true)

  expect(me.status).toBe(401)
  expect(again).toContain('This account is disabled here.')
  expect(counted).toBe(sessions)
})

test('a session makes a key only for a page of this site', async () => {
  const { session } = await logInAt(issuer, service)
  const make = (headers: Record<string, string>) =>
    ask(service, {
      method: 'POST',
      url: '/api-keys',
      headers: { cookie: session, ...headers },
      payload: { name: 'x' },
    })

  const refused = [
    await make({}),
    await make({ 'sec-fetch-site': 'cross-site' }),
    await make({ 'sec-fetch-site': 'same-site' }),
    await make({ 'sec-fetch-site': 'none' }),
    await make({ origin: 'https://evil.example' }),
    await make({ origin: 'null' }),
    await make({ ...sameOrigin, origin: 'https://evil.example' }),
    await make({ 'sec-fetch-site': 'cross-site', origin: service.url }),
  ]
  const keysBefore = await service.db.prisma.apiKey.count()
  const accepted = await make(sameOrigin)

  for (const answer of refused) {
    expect([answer.status, answer.json.code]).toEqual([403, 'cross_site_request'])
    expect(answer.body).not.toContain('value')
  }
  expect(keysBefore).toBe(0)
  expect(accepted.status).toBe(201)
})

test('reading through a session needs no such proof, and sets no cookie', async () => {
  const { session } = await logInAt(issuer, service)

  const answer = await ask(service, { url: '/api-keys', headers: { cookie: session } })

  expect(answer.status).toBe(200)
  expect(setCookies(answer)).toEqual([])
  expect(clears(answer, 'latchkey_session')).toBe(false)
})

test('a browser that has no session gets none by looking around', async () => {
  const before = await service.db.prisma.session.count()

  const answers = await Promise.all(
    ['/', '/docs', '/docs/json', '/health/live', '/me', '/nothing-here'].map((url) => ask(service, { url })),
  )

  expect(answers.flatMap(setCookies)).toEqual([])
  expect(await service.db.prisma.session.count()).toBe(before)
})

test('a page may ask who is logged in without being refused, and learns nothing else', async () => {
  const { session } = await logInAt(issuer, service)

  const anonymous = await ask(service, { url: '/auth/session' })
  const known = await ask(service, { url: '/auth/session', headers: { cookie: session } })
  const planted = await ask(service, { url: '/auth/session', headers: { cookie: `${session}x` } })

  expect([anonymous.status, anonymous.json]).toEqual([200, { login: null }])
  expect([known.status, known.json]).toEqual([200, { login: 'carol' }])
  expect([planted.status, planted.json]).toEqual([200, { login: null }])
  expect(known.headers['cache-control']).toBe('no-store')
})
