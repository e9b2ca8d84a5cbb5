import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startService, type TestService } from '../support/service.js'

// A proxy takes `/keys` away; the issuer is another site.
const env = {
  PUBLIC_URL: 'https://portal.example.org/keys',
  OIDC_ISSUER: 'https://sso.example.org/realms/r',
  OIDC_CLIENT_SECRET: 'hush-hush',
  OIDC_SWAGGER_CLIENT_ID: 'the-swagger-client',
}
let service: TestService
let local: TestService
beforeAll(async () => {
  service = await startService(env)
  local = await startService()
})
afterAll(async () => {
  await service.close()
  await local.close()
})

const files = [
  ['/docs', 'text/html'],
  ['/docs/static/swagger-ui-bundle.js', 'application/javascript'],
  ['/docs/static/swagger-ui.css', 'text/css'],
  ['/docs/static/swagger-initializer.js', 'application/javascript'],
  ['/docs/static/theme/login-bar.js', 'application/javascript'],
  ['/docs/static/theme/login-bar.css', 'text/css'],
  ['/docs/static/oauth2-redirect.html', 'text/html'],
  ['/docs/static/oauth2-redirect.js', 'application/javascript'],
  ['/docs/json', 'application/json'],
] as const

test.each(files)('%s is there, for everybody', async (url, type) => {
  const answer = await service.inject({ url })

  expect(answer.status).toBe(200)
  expect(answer.headers['content-type']).toMatch(type)
  expect(answer.headers['set-cookie']).toBeUndefined()
  expect(answer.body).not.toContain('hush-hush')
})

test.each(files)('%s keeps its opener, so that the login window can answer', async (url) => {
  const { headers } = await service.inject({ url })

  expect(headers['cross-origin-opener-policy']).toBeUndefined()
  expect(headers['x-content-type-options']).toBe('nosniff')
})

test.each(['/docs', '/docs/static/oauth2-redirect.html'])(
  '%s runs its own scripts only, asks only this site and the issuer, and is framed by nobody',
  async (url) => {
    const { headers } = await service.inject({ url })

    const policy = Object.fromEntries(
      String(headers['content-security-policy'])
        .split('; ')
        .map((line) => [line.split(' ')[0], line.split(' ').slice(1).join(' ')]),
    )
    expect(policy).toEqual({
      'default-src': "'none'",
      'script-src': "'self'",
      'style-src': "'self' 'unsafe-inline'",
      'img-src': "'self' data:",
      'font-src': "'self' data:",
      'connect-src': "'self' https://sso.example.org",
      'form-action': "'self' https://sso.example.org",
      'base-uri': "'none'",
      'frame-ancestors': "'none'",
    })
  },
)

test('the page has no script of its own in it, and finds its files below the path of the proxy', async () => {
  const { body } = await service.inject({ url: '/docs' })

  const addresses = [...body.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, address]) => address)
  expect(addresses.length).toBeGreaterThan(5)
  for (const address of addresses) expect(address).toMatch(/^\/keys\/docs\/static\//)
  expect(body).not.toMatch(/<script(?![^>]* src=)|javascript:| on\w+=/)
})

test('its login is the code flow with PKCE of a client without a secret', async () => {
  const { body } = await service.inject({ url: '/docs/static/swagger-initializer.js' })

  expect(body).toContain('"clientId":"the-swagger-client"')
  expect(body).toContain('"usePkceWithAuthorizationCodeGrant":true')
  expect(body).not.toMatch(/clientSecret|"persistAuthorization":true/)
})

test('the bar on top is a script without faults that writes names as text', async () => {
  const { body } = await service.inject({ url: '/docs/static/theme/login-bar.js' })

  // Compiles it; a browser runs it in the tests of the whole.
  expect(() => new Function(body)).not.toThrow()
  expect(body).toContain('const base = "https://portal.example.org/keys"')
  expect(body).toContain('textContent')
  expect(body).not.toMatch(/innerHTML|insertAdjacentHTML|document\.write|eval\(/)
})

describe('who browses another name of this machine', () => {
  const at = (url: string, host: string, method: 'GET' | 'POST' = 'GET') => {
    const { port } = new URL(local.url)
    return local.inject({ method, url, headers: { host: host.replace('PORT', port) } })
  }

  test.each(['/', '/docs', '/docs/', '/docs?x=1', '/auth/login?return_to=/docs'])(
    'is led from %s to the public one, which alone the identity provider knows',
    async (url) => {
      const answer = await at(url, 'localhost:PORT')

      expect(answer.status).toBe(307)
      expect(answer.headers.location).toBe(local.url + url)
      expect(answer.headers['set-cookie']).toBeUndefined()
    },
  )

  test.each([
    ['the public name itself', '/docs', '127.0.0.1:PORT', 200],
    ['a name that is not of this machine', '/docs', 'evil.example', 200],
    ['a program', '/health/live', 'localhost:PORT', 200],
    ['an API call', '/me', 'localhost:PORT', 401],
  ])('stays there as %s', async (_name, url, host, status) => {
    const answer = await at(url, host)

    expect(answer.status).toBe(status)
    expect(JSON.stringify(answer.headers)).not.toContain('evil.example')
  })

  test('stays there where the service is public: a proxy may use any name', async () => {
    const answer = await service.inject({ url: '/docs', headers: { host: 'localhost:3000' } })

    expect(answer.status).toBe(200)
  })
})

test('the start page leads to the documentation', async () => {
  const answer = await service.inject({ url: '/' })

  expect([answer.status, answer.headers.location]).toEqual([302, 'https://portal.example.org/keys/docs'])
})
