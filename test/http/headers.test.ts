import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startService, type TestService } from '../support/service.js'

const portal = 'https://portal.example'
let closed: TestService
let open: TestService
beforeAll(async () => {
  closed = await startService()
  open = await startService({ CORS_ORIGINS: `${portal} https://other.example:8443` })
})
afterAll(async () => {
  await closed.close()
  await open.close()
})

const corsHeaders = (headers: object) =>
  Object.keys(headers).filter(
    (name) => name.startsWith('access-control-') && name !== 'access-control-expose-headers',
  )

describe('every answer', () => {
  test.each(['/health/live', '/me', '/nowhere', '/docs', '/docs/json', '/catalog', '/'])(
    'of %s carries the headers that protect browsers',
    async (url) => {
      const { headers } = await closed.inject({ url })

      expect(headers['x-content-type-options']).toBe('nosniff')
      expect(headers['x-frame-options']).toBe('DENY')
      expect(headers['referrer-policy']).toBe('same-origin')
      expect(headers['content-security-policy']).toMatch(/default-src 'none'.*frame-ancestors 'none'/)
      expect(headers['content-security-policy']).not.toMatch(/unsafe-eval|script-src[^;]*unsafe-inline|\*/)
      expect(headers).not.toHaveProperty('x-powered-by')
      expect(headers).not.toHaveProperty('server')
    },
  )

  test('has a request id of its own, never one that a client chose', async () => {
    const headers = { 'x-request-id': 'chosen', 'request-id': 'chosen' }
    const answers = await Promise.all([1, 2].map(() => closed.inject({ url: '/me', headers })))
    const [one, other] = answers.map(({ headers }) => headers['x-request-id'])

    expect(one).not.toBe(other)
    expect(JSON.stringify(answers)).not.toContain('chosen')
    expect(closed.log.join('')).not.toContain('chosen')
  })

  test('over https asks browsers to stay there, over http it does not', async () => {
    const secure = await startService({
      OIDC_ISSUER: 'https://idp.example/realms/x',
      OIDC_CLIENT_SECRET: 's',
      PUBLIC_URL: 'https://keys.example',
    })

    expect((await secure.inject({ url: '/me' })).headers['strict-transport-security']).toMatch(
      /max-age=\d{6,}/,
    )
    expect((await closed.inject({ url: '/me' })).headers).not.toHaveProperty('strict-transport-security')
    await secure.close()
  })

  test('about keys is kept by nobody on the way, a refusal neither', async () => {
    const alice = await closed.as('alice')
    for (const headers of [{}, alice, { 'x-api-key': 'wrong' }]) {
      for (const url of ['/me', '/api-keys', '/api-keys/unknown']) {
        expect((await closed.inject({ url, headers })).headers['cache-control']).toBe('no-store')
      }
    }
  })
})

describe('scripts of another site', () => {
  const preflight = (service: TestService, origin: string, url = '/api-keys') =>
    service.inject({
      method: 'OPTIONS',
      url,
      headers: {
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization,x-api-key,content-type',
      },
    })

  test('may not call by default', async () => {
    expect(corsHeaders((await preflight(closed, portal)).headers)).toEqual([])
    const answer = await closed.inject({
      url: '/me',
      headers: { ...(await closed.as('alice')), origin: portal },
    })
    expect(corsHeaders(answer.headers)).toEqual([])
  })

  test.each([portal, 'https://other.example:8443'])('of %s may call, since it is listed', async (origin) => {
    const asked = await preflight(open, origin)
    const called = await open.inject({ url: '/me', headers: { ...(await open.as('alice')), origin } })

    expect(asked.status).toBe(204)
    expect(asked.headers['access-control-allow-origin']).toBe(origin)
    expect(asked.headers['access-control-allow-headers']).toContain('x-api-key')
    expect(asked.headers['access-control-allow-methods']).toContain('PATCH')
    expect(called.headers['access-control-allow-origin']).toBe(origin)
    expect(called.headers['access-control-expose-headers']).toContain('www-authenticate')
    expect(called.headers.vary).toContain('Origin')
  })

  test('never bring cookies along', async () => {
    const asked = await preflight(open, portal)

    expect(asked.headers).not.toHaveProperty('access-control-allow-credentials')
    expect(asked.headers['access-control-allow-origin']).not.toBe('*')
  })

  test('read refusals as well, and are refused without a credential', async () => {
    const answer = await open.inject({ url: '/me', headers: { origin: portal } })

    expect(answer.json.code).toBe('not_authenticated')
    expect(answer.headers['access-control-allow-origin']).toBe(portal)
  })

  test.each([
    'https://evil.example',
    'http://portal.example',
    'https://portal.example.evil.example',
    'https://portal.example:444',
    'https://sub.portal.example',
    'null',
    '',
  ])('of %j may not, since it is not listed', async (origin) => {
    const asked = await preflight(open, origin)
    const called = await open.inject({ url: '/me', headers: { ...(await open.as('alice')), origin } })

    expect(asked.headers).not.toHaveProperty('access-control-allow-origin')
    expect(called.headers).not.toHaveProperty('access-control-allow-origin')
  })

  test('learn nothing from a preflight about what is there', async () => {
    const [there, nowhere] = await Promise.all([
      preflight(open, portal, '/me'),
      preflight(open, portal, '/nowhere'),
    ])

    expect(there?.status).toBe(nowhere?.status)
    expect(there?.body).toBe('')
  })

  test('get no plain text for an OPTIONS that is no preflight', async () => {
    for (const headers of [{}, { origin: portal }]) {
      const answer = await open.inject({ method: 'OPTIONS', url: '/me', headers })

      expect(answer.body).toBe('')
      expect(answer.status).toBe(204)
    }
  })
})
