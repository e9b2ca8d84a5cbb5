import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type FakeIssuer, startFakeIssuer } from '../support/fake-issuer.js'
import { startService, type TestService } from '../support/service.js'
import { ask, asPage, clears, cookieIn, logInAt, sameOrigin, setCookies, whoIs } from './visit.js'

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
const form = { 'content-type': 'application/x-www-form-urlencoded' }

function logOut(cookie: string, headers: Record<string, string> = sameOrigin, payload?: string) {
  return ask(service, {
    method: 'POST',
    url: '/auth/logout',
    headers: { cookie, ...headers, ...(payload === undefined ? {} : form) },
    ...(payload === undefined ? {} : { payload }),
  })
}

test('a logout ends the session: the cookie is taken, the row is gone, and a copy of the cookie is refused', async () => {
  const { session } = await logInAt(issuer, service)
  const before = await countSessions()

  const answer = await logOut(session)

  expect(answer.status).toBe(303)
  expect(answer.headers['cache-control']).toBe('no-store')
  expect(clears(answer, 'latchkey_session')).toBe(true)
  expect(cookieIn(answer, 'latchkey_session')).toBeUndefined()
  expect(await countSessions()).toBe(before - 1)
  expect(await whoIs(service, session)).toBeUndefined()
})

test('a logout goes on to end the session at the identity provider, and from there to the start page', async () => {
  const { session } = await logInAt(issuer, service)

  const answer = await logOut(session)

  const next = new URL(String(answer.headers.location))
  expect(next.href).toMatch(`${issuer.url}/logout?`)
  expect(next.searchParams.get('post_logout_redirect_uri')).toBe(`${service.url}/`)
  expect(next.searchParams.get('id_token_hint')).toMatch(/^eyJ/)
})

test('a logout that continues with the login comes back to the login', async () => {
  const { session } = await logInAt(issuer, service)

  const answer = await logOut(session, sameOrigin, 'continue=login')

  const next = new URL(String(answer.headers.location))
  expect(next.searchParams.get('post_logout_redirect_uri')).toBe(`${service.url}/auth/login`)
  expect(await whoIs(service, session)).toBeUndefined()
})

test.each([
  ['/', undefined],
  ['/auth/login', 'continue=login'],
])('a logout of nobody leads to %s and writes nothing', async (path, payload) => {
  const before = await countSessions()

  const answer = await logOut('', sameOrigin, payload)

  expect(answer.status).toBe(303)
  expect(answer.headers.location).toBe(service.url + path)
  expect(await countSessions()).toBe(before)
})

test.each([
  ['that does not say where it comes from', {}],
  ['from another site', { 'sec-fetch-site': 'cross-site' }],
  ['from a sibling site', { 'sec-fetch-site': 'same-site' }],
  ['that somebody typed', { 'sec-fetch-site': 'none' }],
  ['of a foreign Origin', { origin: 'https://evil.example' }],
  ['of the Origin null', { origin: 'null' }],
  ['of the right host but another scheme', { origin: 'https://127.0.0.1' }],
  ['that contradicts itself', { 'sec-fetch-site': 'same-origin', origin: 'https://evil.example' }],
])('a logout %s is refused and ends nothing', async (_name, headers: Record<string, string>) => {
  const { session } = await logInAt(issuer, service)

  const answer = await logOut(session, headers)

  expect([answer.status, answer.json.code]).toEqual([403, 'cross_site_request'])
  expect(setCookies(answer)).toEqual([])
  expect(await whoIs(service, session)).toBeDefined()
})

test('a browser that sends only Origin can log out', async () => {
  const { session } = await logInAt(issuer, service)

  const answer = await logOut(session, { origin: service.url })

  expect(answer.status).toBe(303)
  expect(await whoIs(service, session)).toBeUndefined()
})

test('a person whose logout is refused reads a page', async () => {
  const answer = await logOut('', { ...asPage, 'sec-fetch-site': 'cross-site' })

  expect(answer.status).toBe(403)
  expect(answer.headers['content-type']).toMatch('text/html')
  expect(answer.body).toContain('<h1>Cross-site request</h1>')
})

test('a link cannot log anybody out', async () => {
  const { session } = await logInAt(issuer, service)

  const answer = await ask(service, { url: '/auth/logout', headers: { cookie: session, ...sameOrigin } })

  expect(answer.status).toBe(404)
  expect(await whoIs(service, session)).toBeDefined()
})

test.each([
  'continue=https://evil.example',
  'continue=//evil.example',
  'continue=',
  'continue=login&continue=x',
])('a logout that would continue elsewhere is refused: %s', async (payload) => {
  const { session } = await logInAt(issuer, service)

  const answer = await logOut(session, sameOrigin, payload)

  expect(answer.status).toBe(400)
  expect(answer.headers.location).toBeUndefined()
})

test('a request in flight during the logout does not bring the session back', async () => {
  const { session } = await logInAt(issuer, service)
  const body = JSON.stringify({ name: 'slow' })
  const slow = httpRequest(`${service.url}/api-keys`, {
    method: 'POST',
    headers: {
      cookie: session,
      ...sameOrigin,
      'content-type': 'application/json',
      'content-length': body.length,
    },
  })
  slow.write(body.slice(0, 5))
  // Long enough for the hook to have read the session: the answer below tells whether it had.
  await new Promise((resolve) => setTimeout(resolve, 200))
  const before = await countSessions()

  await logOut(session)
  slow.end(body.slice(5))
  const [answer] = await once(slow, 'response')

  expect(answer.statusCode).toBe(201)
  expect(answer.headers['set-cookie']).toBeUndefined()
  expect(await countSessions()).toBe(before - 1)
  expect(await whoIs(service, session)).toBeUndefined()
})

test('someone who was disabled meanwhile can still log out, and enabling them again revives nothing', async () => {
  const { session } = await logInAt(issuer, service)
  const setEnabled = (enabled: boolean) =>
    service.db.prisma.owner.update({ where: { subject: 'carol-id' }, data: { enabled } })
  await setEnabled(false)

  const answer = await logOut(session)
  await setEnabled(true)

  expect(answer.headers.location).toMatch(`${issuer.url}/logout?`)
  expect(await whoIs(service, session)).toBeUndefined()
})

test('a session ends here even when the identity provider does not answer', async () => {
  const { session } = await logInAt(issuer, service)
  issuer.fail(true)

  const answer = await logOut(session)
  issuer.fail(false)

  expect(answer.status).toBe(303)
  expect(await whoIs(service, session)).toBeUndefined()
})

test('a logout ends one session: the one on the phone goes on', async () => {
  const desk = await logInAt(issuer, service)
  const phone = await logInAt(issuer, service)

  await logOut(desk.session)

  expect(await whoIs(service, desk.session)).toBeUndefined()
  expect(await whoIs(service, phone.session)).toMatchObject({ login: 'carol' })
})
