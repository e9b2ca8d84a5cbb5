import { afterAll, beforeAll, expect, test } from 'vitest'
import { type FakeIssuer, startFakeIssuer } from '../support/fake-issuer.js'
import { type Answer, startService, type TestService } from '../support/service.js'
import { beginLogin, clears, comeBack, cookieIn, logInAt, setCookies, whoIs } from './visit.js'

let issuer: FakeIssuer
let service: TestService
beforeAll(async () => {
  issuer = await startFakeIssuer()
  service = await startService(issuer.env)
})
afterAll(async () => {
  await service.close()
  await issuer.close()
})

const countSessions = () => service.db.prisma.session.count()

/** No session in the browser, none in the database, and a page that gives nothing away. */
async function expectRefused(answer: Answer, sessionsBefore: number) {
  expect(answer.status).toBe(400)
  expect(answer.headers['content-type']).toBe('text/html; charset=utf-8')
  expect(answer.body).toContain('<h1>Login failed</h1>')
  expect(answer.body).not.toMatch(/ {4}at |node_modules|invalid_grant|OAUTH_/)
  expect(cookieIn(answer, 'latchkey_session')).toBeUndefined()
  expect(await countSessions()).toBe(sessionsBefore)
}

test('a login asks for a code with state, nonce and PKCE, each new every time', async () => {
  const one = await beginLogin(service)
  const other = await beginLogin(service)

  const asked = Object.fromEntries(one.authorizationUrl.searchParams)
  expect(one.authorizationUrl.href).toMatch(`${issuer.url}/auth?`)
  expect(asked).toMatchObject({
    client_id: 'latchkey',
    response_type: 'code',
    code_challenge_method: 'S256',
    redirect_uri: `${service.url}/auth/callback`,
    scope: 'openid profile email',
  })
  for (const name of ['state', 'nonce', 'code_challenge']) {
    expect(asked[name]).toMatch(/^[\w-]{43}$/)
    expect(other.authorizationUrl.searchParams.get(name)).not.toBe(asked[name])
  }
  expect(one.authorizationUrl.href).not.toMatch(/secret|code_verifier/)
})

test('what a login needs to end is sealed in a cookie for ten minutes, out of reach of scripts', async () => {
  const { answer, nonce } = await beginLogin(service)

  const [line = '', ...others] = setCookies(answer)
  expect(others).toEqual([])
  expect(line).toMatch(/^latchkey_login_[\w-]{16}=[\w-]+\.\.[\w-]+\.[\w-]+\.[\w-]+; /)
  expect(line).toMatch(/; Max-Age=600; Path=\/; HttpOnly; SameSite=Lax$/)
  expect(line).not.toContain(nonce)
  expect(await countSessions()).toBe(0)
})

test('a login that comes back with its code makes a session and goes on where one wanted to be', async () => {
  const login = await beginLogin(service, '/auth/login?return_to=/docs%3Fx=1')
  const code = issuer.grant({ nonce: login.nonce })

  const answer = await comeBack(service, { code, state: login.state }, login.cookie)

  expect(answer.status).toBe(302)
  expect(answer.headers.location).toBe(`${service.url}/docs?x=1`)
  expect(answer.headers['cache-control']).toBe('no-store')
  expect(clears(answer, login.cookie.split('=')[0] ?? '')).toBe(true)
  expect(await whoIs(service, cookieIn(answer, 'latchkey_session') ?? '')).toMatchObject({
    subject: 'carol-id',
    login: 'carol',
    via: 'session',
  })
  expect(issuer.exchanges.at(-1)?.get('code_verifier')).toMatch(/^[\w-]{43}$/)
})

test('the way back is the public URL, whatever Host the browser sent', async () => {
  const login = await service.inject({ url: '/auth/login', headers: { host: 'evil.example' } })

  const asked = new URL(String(login.headers.location)).searchParams.get('redirect_uri')
  expect(asked).toBe(`${service.url}/auth/callback`)
})

test.each(['//evil.example', 'https://evil.example/', '/\\evil.example', '/docs/..//evil.example'])(
  'a login never goes on to another site: %s',
  async (wanted) => {
    const login = await beginLogin(service, `/auth/login?return_to=${encodeURIComponent(wanted)}`)
    const code = issuer.grant({ nonce: login.nonce })

    const answer = await comeBack(service, { code, state: login.state }, login.cookie)

    expect(answer.headers.location).toBe(`${service.url}/`)
  },
)

test.each([
  ['without the cookie', () => ''],
  ['with another cookie in its place', () => 'latchkey_login_0123456789abcdef=x'],
  ['with a changed cookie', (cookie: string) => `${cookie.slice(0, -2)}AA`],
  [
    'with the cookie of another login',
    (_: string, state: string, other: string) =>
      `latchkey_login_${state.slice(0, 16)}=${other.split('=')[1]}`,
  ],
])('a login that comes back %s is refused, and its code is not used', async (_name, change) => {
  const before = await countSessions()
  const exchanges = issuer.exchanges.length
  const [login, other] = [await beginLogin(service), await beginLogin(service)]
  const code = issuer.grant({ nonce: login.nonce })

  const cookie = change(login.cookie, login.state, other.cookie)
  const answer = await comeBack(service, { code, state: login.state }, cookie)

  await expectRefused(answer, before)
  expect(issuer.exchanges.length).toBe(exchanges)
})

test.each([
  ['of another login', 'other'],
  ['with the same beginning', 'beginning'],
  ['that is empty', ''],
  ['that is none', undefined],
])('a login that comes back with a state %s is refused, and its code is not used', async (_name, kind) => {
  const before = await countSessions()
  const exchanges = issuer.exchanges.length
  const [login, other] = [await beginLogin(service), await beginLogin(service)]
  const code = issuer.grant({ nonce: login.nonce })

  const states = { other: other.state, beginning: `${login.state.slice(0, 16)}${'A'.repeat(27)}` }
  const state = states[kind as 'other'] ?? kind
  const answer = await comeBack(service, { code, ...(state === undefined ? {} : { state }) }, login.cookie)

  await expectRefused(answer, before)
  expect(issuer.exchanges.length).toBe(exchanges)
  // The attempt cost the one whose login it is nothing.
  const genuine = await comeBack(service, { code, state: login.state }, login.cookie)
  expect(genuine.status).toBe(302)
})

test('a login that took more than ten minutes is refused, one that took less is not', async () => {
  const [slow, slower] = [await beginLogin(service), await beginLogin(service)]
  const [code, lateCode] = [issuer.grant({ nonce: slow.nonce }), issuer.grant({ nonce: slower.nonce })]

  service.clock.advance(599_000)
  const inTime = await comeBack(service, { code, state: slow.state }, slow.cookie)
  service.clock.advance(2_000)
  const before = await countSessions()
  const late = await comeBack(service, { code: lateCode, state: slower.state }, slower.cookie)
  service.clock.advance(-601_000)

  expect(inTime.status).toBe(302)
  await expectRefused(late, before)
})

test('a code works once: neither a reload nor a replay of the whole request logs in again', async () => {
  const { login, code } = await logInAt(issuer, service)
  const before = await countSessions()

  const reloaded = await comeBack(service, { code, state: login.state }, '')
  const replayed = await comeBack(service, { code, state: login.state }, login.cookie)

  await expectRefused(reloaded, before)
  await expectRefused(replayed, before)
})

test.each([
  ['for another nonce', { nonce: 'of another login' }, {}],
  ['of another issuer', {}, { iss: 'https://evil.example' }],
  ['for another client', {}, { aud: 'another-client' }],
  ['that has expired', {}, { exp: 1 }],
  ['without a subject', {}, { sub: undefined }],
])('an ID token %s is refused', async (_name, changed, idToken) => {
  const before = await countSessions()
  const login = await beginLogin(service)
  const code = issuer.grant({ nonce: login.nonce, ...changed, idToken })

  const answer = await comeBack(service, { code, state: login.state }, login.cookie)

  await expectRefused(answer, before)
})

test.each(['access_denied', 'login_required', 'temporarily_unavailable'])(
  'someone whom the identity provider sends back with %s reads that the login failed, and may begin again',
  async (error) => {
    const before = await countSessions()
    const login = await beginLogin(service)
    const description = '<script>alert(1)</script>'

    const query = { error, error_description: description, state: login.state }
    const answer = await comeBack(service, query, login.cookie)

    await expectRefused(answer, before)
    expect(answer.body).toContain(`href="${service.url}/auth/login"`)
    expect(answer.body).not.toContain('alert')
  },
)

test('a failed login leaves the session that one had before', async () => {
  const { session } = await logInAt(issuer, service)
  const login = await beginLogin(service, '/auth/login', session)

  const query = { error: 'access_denied', state: login.state }
  const answer = await comeBack(service, query, `${session}; ${login.cookie}`)

  expect(answer.status).toBe(400)
  expect(clears(answer, 'latchkey_session')).toBe(false)
  expect(await whoIs(service, session)).toMatchObject({ login: 'carol' })
})

test('logins in several tabs all come back, in any order, even begun at the same moment', async () => {
  const logins = await Promise.all([1, 2, 3, 4].map(() => beginLogin(service)))
  const cookies = logins.map(({ cookie }) => cookie).join('; ')

  for (const { state, nonce } of logins.reverse()) {
    const answer = await comeBack(service, { code: issuer.grant({ nonce }), state }, cookies)
    expect(answer.status).toBe(302)
  }
})

test('logins that people left behind are forgotten, the oldest first, before their cookies are too many', async () => {
  const left: string[] = []
  for (let count = 0; count < 10; count += 1) {
    const { answer, cookie } = await beginLogin(
      service,
      `/auth/login?return_to=/${'x'.repeat(990)}`,
      left.join('; '),
    )
    const cleared = left.filter((one) => clears(answer, one.split('=')[0] ?? ''))
    left.splice(0, cleared.length)
    left.push(cookie)
  }

  expect(left).toHaveLength(4)
  // What proxies give a header line: nginx has 8 KB.
  expect(left.join('; ').length).toBeLessThan(8000)
  expect(Math.max(...left.map((cookie) => cookie.length))).toBeLessThan(4000)
})
