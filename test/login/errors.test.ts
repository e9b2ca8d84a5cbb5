import { createServer } from 'node:http'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type FakeIssuer, startFakeIssuer } from '../support/fake-issuer.js'
import { findFreePort, startService, type TestService } from '../support/service.js'
import { ask, asPage, beginLogin, comeBack, cookieIn, logInAt, setCookies } from './visit.js'

let issuer: FakeIssuer
let service: TestService
beforeAll(async () => {
  issuer = await startFakeIssuer()
  // On a loaded machine an answer may take longer than a person is kept waiting.
  service = await startService(issuer.env, { timeout: () => new AbortController().signal })
})
afterAll(async () => {
  await service.close()
  await issuer.close()
})

test('a person whose login fails reads a page that says so and how to go on', async () => {
  const answer = await ask(service, { url: '/auth/callback?code=x&state=y', headers: asPage })

  expect(answer.status).toBe(400)
  expect(answer.headers['content-type']).toBe('text/html; charset=utf-8')
  expect(answer.headers['cache-control']).toBe('no-store')
  expect(answer.body).toMatch(/^<!doctype html><html lang="en">/)
  expect(answer.body).toContain('This login is not under way in this browser, or took too long.')
  expect(answer.body).toContain(`<a href="${service.url}/auth/login">Log in again</a>`)
  expect(answer.body).toContain(`Request ${answer.headers['x-request-id']}`)
  expect(answer.body).toContain('width=device-width')
  expect(answer.body).not.toMatch(/<script|<form|<img| on\w+=/)
})

test('the page runs nothing, is framed by nobody, and its one style is allowed by its hash', async () => {
  const answer = await ask(service, { url: '/auth/callback', headers: asPage })

  const policy = String(answer.headers['content-security-policy'])
  expect(policy).toMatch(
    /^default-src 'none'; style-src 'sha256-[\w+/]{43}='; base-uri 'none'; form-action 'none'; frame-ancestors 'none'$/,
  )
  expect(policy).not.toContain('unsafe')
})

test.each([undefined, '*/*', 'application/json'])(
  'a program that accepts %s gets a problem document',
  async (accept) => {
    const answer = await ask(service, {
      url: '/auth/callback?code=x&state=y',
      headers: accept === undefined ? {} : { accept },
    })

    expect(answer.status).toBe(400)
    expect(answer.headers['content-type']).toMatch('application/problem+json')
    expect(answer.json).toMatchObject({ code: 'login_failed', status: 400 })
    expect(answer.body).not.toMatch(/stack|node_modules/)
  },
)

test('a login while a known identity provider is away says so, and sends nobody there', async () => {
  const known = await ask(service, { url: '/auth/login', headers: asPage })

  issuer.fail(true)
  const answer = await ask(service, { url: '/auth/login', headers: asPage })
  issuer.fail(false)

  expect(known.status).toBe(302)
  expect(answer.status).toBe(503)
  expect(answer.headers).not.toHaveProperty('location')
  expect(answer.headers).not.toHaveProperty('set-cookie')
  expect(answer.body).toContain('The identity provider does not answer: try again soon.')
})

const nasty = encodeURIComponent(`"><script>alert(1)</script>'`)
test.each([
  `/auth/callback?error=${nasty}&error_description=${nasty}&state=${nasty}`,
  `/auth/callback?state=${nasty}&code=${nasty}`,
  `/auth/login?return_to=${nasty}&return_to=${nasty}`,
])('nothing of the request is written into the page: %s', async (url) => {
  const answer = await ask(service, { url, headers: asPage })

  expect(answer.status).toBe(400)
  expect(answer.body).not.toContain('alert')
  expect(JSON.stringify(answer.headers)).not.toContain('alert')
})

test('while the identity provider is down a login answers 503, and works again afterwards', async () => {
  const port = await findFreePort()
  const late = await startService({
    OIDC_ISSUER: `http://127.0.0.1:${port}/realms/test`,
    OIDC_CLIENT_SECRET: 'the secret of the client',
  })

  const page = await ask(late, { url: '/auth/login', headers: asPage })
  const problem = await ask(late, { url: '/auth/login' })
  const started = await startFakeIssuer(port)
  late.clock.advance(1000)
  const { session } = await logInAt(started, late)
  await late.close()
  await started.close()

  expect([page.status, page.headers['retry-after']]).toEqual([503, '5'])
  expect(page.body).toContain('The identity provider does not answer: try again soon.')
  expect(page.body).not.toMatch(/ECONNREFUSED|127\.0\.0\.1:\d+\/realms|fetch failed/)
  expect(setCookies(page)).toEqual([])
  expect([problem.status, problem.headers['retry-after'], problem.json.code]).toEqual([
    503,
    '5',
    'unavailable',
  ])
  expect(session).toBeDefined()
  // The person reads that it can be found in the log.
  const logged = late.log.find(
    (line) => line.includes(String(page.headers['x-request-id'])) && line.includes('err'),
  )
  expect(logged).toContain('ECONNREFUSED')
})

test('when the identity provider fails at the last step the answer is 503 and nobody is logged in', async () => {
  const login = await beginLogin(service)
  const code = issuer.grant({ nonce: login.nonce })
  issuer.fail(true)

  const answer = await comeBack(service, { code, state: login.state }, login.cookie)
  issuer.fail(false)

  expect(answer.status).toBe(503)
  expect(answer.headers['retry-after']).toBe('5')
  expect(cookieIn(answer, 'latchkey_session')).toBeUndefined()
})

test('an identity provider that answers nonsense is unavailable, not trusted', async () => {
  const server = createServer((_request, response) => response.end('<html>maintenance</html>'))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : undefined
  const other = await startService({
    OIDC_ISSUER: `http://127.0.0.1:${port}/realms/test`,
    OIDC_CLIENT_SECRET: 's',
  })

  const answer = await ask(other, { url: '/auth/login', headers: asPage })
  await other.close()
  server.closeAllConnections()
  server.close()

  expect(answer.status).toBe(503)
  expect(answer.body).not.toContain('maintenance')
})

test('no code, state, token or cookie of a login is ever logged', async () => {
  service.log.splice(0)
  const { session, login, code } = await logInAt(issuer, service)
  const refused = await beginLogin(service)
  const otherCode = issuer.grant({ nonce: 'wrong' })
  const denied = await beginLogin(service)
  await comeBack(service, { code: otherCode, state: refused.state }, refused.cookie)
  await comeBack(service, { code: 'c0de-that-nobody-gave', state: login.state }, login.cookie)
  await comeBack(service, { error: 'access_denied', state: denied.state }, denied.cookie)
  await comeBack(service, { code: 'c0de-without-a-login', state: 'st4te-of-nobody' }, '')
  await ask(service, {
    method: 'POST',
    url: '/auth/logout',
    headers: { cookie: session, 'sec-fetch-site': 'same-origin' },
  })

  const log = service.log.join('')
  expect(service.log.length).toBeGreaterThan(8)
  expect(log).toContain('/auth/callback?')
  const secrets = [
    ...[login, refused, denied].flatMap(({ state, nonce, cookie }) => [state, nonce, cookie.split('=')[1]]),
    ...[code, otherCode, 'c0de-that-nobody-gave', 'c0de-without-a-login', 'st4te-of-nobody'],
    session.split('=')[1],
    decodeURIComponent(session.split('=')[1] ?? ''),
    'the secret of the client',
    'eyJ',
    's'.repeat(32),
  ]
  for (const secret of secrets) expect(log).not.toContain(secret)
})

test('without a database a login answers 503, and the page does not tell why', async () => {
  const own = await startService(issuer.env)
  const login = await beginLogin(own)
  const code = issuer.grant({ nonce: login.nonce })
  await own.db.close()

  const answer = await comeBack(own, { code, state: login.state }, login.cookie)
  await own.app.close().catch(() => {})

  expect(answer.status).toBe(503)
  expect(answer.headers['content-type']).toMatch('text/html')
  expect(cookieIn(answer, 'latchkey_session')).toBeUndefined()
  expect(answer.body).not.toMatch(/pool|prisma|postgres/i)
})
