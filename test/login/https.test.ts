import { afterAll, beforeAll, expect, test } from 'vitest'
import { type FakeIssuer, startFakeIssuer } from '../support/fake-issuer.js'
import { startService, type TestService } from '../support/service.js'
import { ask, asPage, beginLogin, clears, logInAt, sameOrigin, setCookies, whoIs } from './visit.js'

// TLS ends in front of the service, and the proxy takes a path away: the service itself sees plain http at `/`.
const publicUrl = 'https://portal.example.org/keys'
let issuer: FakeIssuer
let service: TestService
beforeAll(async () => {
  issuer = await startFakeIssuer()
  service = await startService({ ...issuer.env, PUBLIC_URL: `${publicUrl}/` })
})
afterAll(async () => {
  await service.close()
  await issuer.close()
})

test('behind TLS every cookie is secure and bound to this host alone', async () => {
  const { answer, login } = await logInAt(issuer, service)

  const lines = [...setCookies(login.answer), ...setCookies(answer)]
  expect(lines.length).toBe(3)
  for (const line of lines) {
    expect(line).toMatch(/^__Host-latchkey_(session|login_[\w-]{16})=/)
    expect(line).toMatch(/; Path=\/; /)
    expect(line).toMatch(/; Secure(;|$)/)
    expect(line).toMatch(/; HttpOnly(;|$)/)
    expect(line).toMatch(/; SameSite=Lax(;|$)/)
    expect(line).not.toContain('Domain')
  }
})

test('behind TLS a session works although the service itself is asked over http', async () => {
  const { session } = await logInAt(issuer, service)

  expect(session).toMatch(/^__Host-latchkey_session=/)
  expect(await whoIs(service, session)).toMatchObject({ via: 'session' })
})

test('a cookie without the prefix, which a sibling site could have set, is not looked at', async () => {
  const { session } = await logInAt(issuer, service)

  expect(await whoIs(service, session.replace('__Host-', ''))).toBeUndefined()
})

test('every address has the path that the proxy takes away', async () => {
  const { answer, login } = await logInAt(issuer, service)
  const failed = await ask(service, { url: '/auth/callback', headers: asPage })
  const start = await ask(service, { url: '/' })

  expect(login.authorizationUrl.searchParams.get('redirect_uri')).toBe(`${publicUrl}/auth/callback`)
  expect(issuer.exchanges.at(-1)?.get('redirect_uri')).toBe(`${publicUrl}/auth/callback`)
  expect(answer.headers.location).toBe(`${publicUrl}/`)
  expect(failed.body).toContain(`href="${publicUrl}/auth/login"`)
  expect(start.headers.location).toBe(`${publicUrl}/docs`)
})

test.each(['/docs', '/docs#/API-Key'])('one comes back to %s below that path', async (wanted) => {
  const login = await beginLogin(service, `/auth/login?return_to=${encodeURIComponent(wanted)}`)
  const code = issuer.grant({ nonce: login.nonce })

  const answer = await ask(service, {
    url: `/auth/callback?code=${code}&state=${login.state}`,
    headers: { cookie: login.cookie },
  })

  expect(answer.headers.location).toBe(publicUrl + wanted)
})

test.each([
  ['the origin without the path', 'https://portal.example.org', 303],
  ['the same host over http', 'http://portal.example.org', 403],
  ['the address that the service itself listens on', 'http://127.0.0.1', 403],
  ['a sibling host', 'https://other.example.org', 403],
])('a logout from %s', async (_name, origin, status) => {
  const { session } = await logInAt(issuer, service)

  const headers = { cookie: session, origin }
  const answer = await ask(service, { method: 'POST', url: '/auth/logout', headers })

  expect(answer.status).toBe(status)
  expect((await whoIs(service, session)) === undefined).toBe(status === 303)
})

test('a logout takes the cookie away in a way that browsers accept for its prefix', async () => {
  const { session } = await logInAt(issuer, service)

  const headers = { cookie: session, ...sameOrigin }
  const answer = await ask(service, { method: 'POST', url: '/auth/logout', headers })

  expect(clears(answer, '__Host-latchkey_session')).toBe(true)
  expect(setCookies(answer)[0]).toMatch(/; Secure/)
})
