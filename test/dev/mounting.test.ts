import { request as httpRequest } from 'node:http'
import cors from '@fastify/cors'
import formbody from '@fastify/formbody'
import helmet from '@fastify/helmet'
import swagger from '@fastify/swagger'
import { expect, test, vi } from 'vitest'
import { createBrowser, signIn } from '../support/browser-flow.js'
import { expectPolicyFits } from './expectations.js'
import {
  aProvider,
  aWorld,
  beginLogin,
  findFreePort,
  isAskedForPassword,
  logIn,
  serviceClient,
} from './world.js'

// What oidc-provider writes when it is loaded: see test/server.test.ts, whose process loads it anew.
test('nothing is written to the console', async () => {
  const spies = (['log', 'info', 'warn', 'error'] as const).map((name) => vi.spyOn(console, name))

  const world = await aWorld()
  const { browser } = await logIn(world)
  await browser.request(world.endpoint('logout'))

  for (const spy of spies) {
    expect(spy).not.toHaveBeenCalled()
    spy.mockRestore()
  }
})

test('a client secret that could never be sent is refused at the start', async () => {
  const start = aWorld({ serviceClient: { id: 'latchkey', secret: 'line\nbreak' } })

  await expect(start).rejects.toThrow(/latchkey.*client_secret/)
})

test('two providers in one process do not share sessions, codes or refresh tokens', async () => {
  const [one, two] = [await aWorld(), await aWorld()]

  const { browser, tokens } = await logIn(one)

  // Cookies know no ports: the browser sends those of the one to the other.
  expect(await isAskedForPassword(two, browser)).toBe(true)
  const body = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: tokens.refresh_token ?? '' })
  const basic = `${serviceClient.id}:${encodeURIComponent(serviceClient.secret)}`
  const headers = { authorization: `Basic ${btoa(basic)}` }
  expect((await fetch(two.endpoint('token'), { method: 'POST', headers, body })).status).toBe(400)
  expect((await fetch(one.endpoint('token'), { method: 'POST', headers, body })).status).toBe(200)
})

test('a spoofed host changes no address', async () => {
  const world = await aWorld({ server: { trustProxy: true } })
  const { authorizationUrl } = await beginLogin(world)
  const headers = {
    host: 'evil.example',
    'x-forwarded-host': 'evil.example',
    'x-forwarded-proto': 'https',
    'x-forwarded-for': '203.0.113.1',
    forwarded: 'host=evil.example;proto=https',
  }
  const paths = [
    '/dev-idp/realms/latchkey/.well-known/openid-configuration',
    authorizationUrl.pathname + authorizationUrl.search,
    '/dev-idp/realms/latchkey/protocol/openid-connect/logout',
    '/dev-idp/realms/latchkey/login-actions/authenticate/unknown',
  ]

  for (const url of paths) {
    const response = await world.app.inject({ url, headers })
    expect(response.body + JSON.stringify(response.headers)).not.toContain('evil')
  }
})

test('a request line with a foreign host changes no address', async () => {
  const world = await aWorld()
  const path = '/dev-idp/realms/latchkey/.well-known/openid-configuration'

  const body = await getRaw(world.publicUrl, `http://evil.example${path}`)

  expect(body).toContain(world.issuer)
  expect(body).not.toContain('evil')
})

test('it works below a path that a proxy strips', async () => {
  const port = await findFreePort()
  const publicUrl = `http://127.0.0.1:${port}/platform/keys`
  const rewriteUrl = ({ url = '' }) => url.replace(/^\/platform\/keys/, '')
  const world = await aWorld({ port, publicUrl, server: { rewriteUrl } })

  const { browser, callback, tokens } = await logIn(world)

  expect(world.issuer).toBe(`${publicUrl}/dev-idp/realms/latchkey`)
  expect(callback.href.startsWith(`${publicUrl}/auth/callback?`)).toBe(true)
  expect(tokens.claims()?.iss).toBe(world.issuer)
  expect(browser.cookies.every(({ path }) => path.startsWith('/platform/keys/dev-idp/'))).toBe(true)
  expect(await isAskedForPassword(world, browser)).toBe(false)
})

test('cookies stay inside the room, away from scripts', async () => {
  const world = await aWorld()
  const { authorizationUrl } = await beginLogin(world)

  const { headers } = await createBrowser().request(authorizationUrl)

  const cookies = headers.getSetCookie()
  expect(cookies.length).toBeGreaterThan(0)
  for (const cookie of cookies) {
    expect(cookie).toMatch(/path=\/dev-idp\/realms\/latchkey/)
    expect(cookie).toMatch(/httponly/i)
    expect(cookie).toMatch(/samesite=lax/i)
  }
})

test('behind TLS the cookies are secure', async () => {
  const { app } = await aProvider({ publicUrl: 'https://keys.example.org' })

  const { headers } = await app.inject(
    `/dev-idp/realms/latchkey/protocol/openid-connect/auth?${new URLSearchParams({
      client_id: serviceClient.id,
      redirect_uri: 'https://keys.example.org/auth/callback',
      response_type: 'code',
      scope: 'openid',
    })}`,
  )

  expect([headers['set-cookie']].flat().every((cookie) => /secure/i.test(cookie ?? ''))).toBe(true)
})

test('the hooks of the service go on working, and see the request as it came', async () => {
  const seen: string[] = []
  const world = await aWorld({
    around(app) {
      app.addHook('onRequest', async (request, reply) => {
        reply.header('x-request-id', request.id)
        if (request.headers['x-refuse-me']) return reply.code(418).send('refused by the service')
      })
      app.addHook('onResponse', async ({ url, originalUrl, host }) => {
        seen.push(url, originalUrl, host)
      })
    },
  })
  seen.length = 0

  const answer = await fetch(world.endpoint('certs'))
  const refused = await fetch(world.endpoint('certs'), { headers: { 'x-refuse-me': 'yes' } })

  expect(answer.headers.get('x-request-id')).toMatch(/^req-/)
  expect(refused.status).toBe(418)
  const { pathname, host } = new URL(world.endpoint('certs'))
  expect(seen).toEqual([pathname, pathname, host, pathname, pathname, host])
})

test('headers of the service that would break the login are replaced', async () => {
  const world = await aWorld({
    async around(app) {
      await app.register(helmet)
      await app.register(cors, { origin: 'https://portal.example.org' })
      await app.register(formbody)
    },
  })
  const { authorizationUrl } = await beginLogin(world)

  const page = await createBrowser().visit(authorizationUrl)
  const { tokens } = await logIn(world)
  const foreign = await fetch(world.endpoint('token'), {
    method: 'POST',
    headers: { origin: 'https://evil.example' },
    body: new URLSearchParams({ grant_type: 'refresh_token' }),
  })

  expect(tokens.access_token).toBeDefined()
  if (page instanceof URL) throw new Error('expected the login page')
  expectPolicyFits(page)
  // Any other value would cut Swagger UI's popup off from the page that waits for it.
  expect(page.headers.get('cross-origin-opener-policy')).toBe('unsafe-none')
  expect(foreign.status).toBe(403)
})

test('its routes are not in the OpenAPI document', async () => {
  const world = await aWorld({
    async around(app) {
      await app.register(swagger)
    },
  })

  expect(world.app.swagger().paths).toEqual({})
})

test('what oidc-provider could do besides is not there', async () => {
  const world = await aWorld()

  for (const path of [
    '/reg',
    '/request',
    '/device/auth/x',
    '/interaction/x',
    '/protocol/openid-connect/auth/device/x',
  ]) {
    expect((await fetch(world.issuer + path)).status).toBe(404)
  }
})

test('a fault is logged for the operator and told to nobody else', async () => {
  const lines: string[] = []
  const world = await aWorld({
    server: { logger: { level: 'error', stream: { write: (line: string) => void lines.push(line) } } },
    signInRate: () => {
      throw new Error('the counter is broken')
    },
  })
  const { authorizationUrl } = await beginLogin(world)

  const attempt = signIn({ authorizationUrl, username: 'alice', password: 'alice-pw' })

  await expect(attempt).rejects.toMatchObject({ page: { status: 500 } })
  const { page } = (await attempt.catch((error: unknown) => error)) as { page: { body: string } }
  expect(page.body).not.toContain('counter')
  expect(lines.join('')).toContain('the counter is broken')
  expect(lines.join('')).not.toContain('alice-pw')
})

function getRaw(publicUrl: string, path: string): Promise<string> {
  const { hostname, port } = new URL(publicUrl)
  return new Promise((resolve, reject) => {
    httpRequest({ hostname, port, path }, (response) => {
      let body = ''
      response.on('data', (chunk) => {
        body += chunk
      })
      response.on('end', () => resolve(body))
    })
      .on('error', reject)
      .end()
  })
}
