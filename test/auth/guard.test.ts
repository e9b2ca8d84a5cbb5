import Fastify from 'fastify'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import auth, { type AuthOptions, type Verdict } from '../../src/auth/index.js'
import { renderError } from '../../src/problems/render.js'
import { requestRaw } from '../support/raw-http.js'
import { startService, type TestService } from '../support/service.js'

let service: TestService
let apiKey: string
beforeAll(async () => {
  service = await startService()
  apiKey = (await service.createKey('alice')).value
})
afterAll(() => service.close())

const refused: Verdict = { kind: 'refused' }
const aScope = (options: Partial<AuthOptions> = {}) => {
  const app = Fastify()
  app.setErrorHandler(renderError)
  app.register(auth, { keyPrefix: 'lk', verifyKey: () => refused, verifyToken: () => refused, ...options })
  return app
}

describe('a guarded route that does not say who may call it stops the start', () => {
  test.each([
    ['without config', {}],
    ['with a config that says nothing', { config: {} }],
    ['with an access that is undefined', { config: { access: undefined } }],
  ])('%s', async (_kind, options) => {
    const app = aScope()
    app.register(async (scope) => {
      // The third is what a mistyped import gives at run time, past the types.
      scope.get('/forgotten', options as object, () => 'secret data')
    })

    await expect(app.ready()).rejects.toThrow('GET /forgotten does not say in config.access who may call it')
  })
})

describe('every way to name a guarded route is guarded', () => {
  test.each([
    'GET /me',
    'HEAD /me',
    'GET /me?x=1',
    'GET //127.0.0.1/me',
    'GET http://elsewhere.example/me',
    'GET /%6de',
    'HEAD /api-keys',
    'HEAD /catalog/collections',
    'GET /catalog/',
    'GET /catalog',
  ])('%s', async (line) => {
    const answer = await requestRaw(service.config.port, [`${line} HTTP/1.1`])

    expect([401, 404]).toContain(answer.status)
    expect(answer.header('content-type')).toEqual(['application/problem+json; charset=utf-8'])
  })

  test('HEAD is answered as GET is, without the body', async () => {
    const [get, head] = await Promise.all(
      ['GET', 'HEAD'].map((method) =>
        requestRaw(service.config.port, [`${method} /me HTTP/1.1`, `X-API-Key: ${apiKey}`]),
      ),
    )

    expect(head?.status).toBe(200)
    expect(head?.body).toBe('')
    expect(head?.header('content-length')).toEqual(get?.header('content-length'))
  })

  test('OPTIONS opens nothing and tells nothing', async () => {
    for (const url of ['/me', '/api-keys', '/nowhere']) {
      const answer = await service.inject({ method: 'OPTIONS', url })

      expect(answer.status).toBe(404)
      expect(answer.headers).not.toHaveProperty('allow')
      expect(answer.headers).not.toHaveProperty('access-control-allow-origin')
    }
  })
})

test('what is not there reads the same with every credential and without one', async () => {
  const credentials = [
    {},
    { 'x-api-key': apiKey },
    { 'x-api-key': 'wrong' },
    { authorization: 'malformed' },
    await service.as('bob'),
  ]
  for (const [method, url] of [
    ['GET', '/nowhere'],
    ['PUT', '/me'],
    ['GET', '/catalog/nowhere'],
    ['GET', '/api-keys/a/b/c'],
    ['GET', '/ME'],
    ['GET', '/me/'],
  ] as const) {
    for (const headers of credentials) {
      const answer = await service.inject({ method, url, headers })

      expect(answer.status).toBe(404)
      expect(answer.json).toEqual({
        type: 'urn:latchkey:problem:not_found',
        title: 'Not found',
        status: 404,
        detail: 'There is nothing here that the caller may see.',
        code: 'not_found',
        requestId: answer.headers['x-request-id'],
      })
      expect(answer.headers).not.toHaveProperty('www-authenticate')
      expect(answer.headers).not.toHaveProperty('allow')
    }
  }
})

describe('when the check itself fails, nobody gets in', () => {
  const broken: [string, Partial<AuthOptions>][] = [
    [
      'at once',
      {
        verifyKey: () => {
          throw new Error('secret cause')
        },
      },
    ],
    [
      'later',
      {
        verifyKey: async () => {
          throw new Error('secret cause')
        },
      },
    ],
    ['at what was found later', { verifyKey: async () => ({ kind: 'accepted' }) as unknown as Verdict }],
    [
      'at the counting, later',
      {
        verifyKey: async () =>
          ({
            kind: 'accepted',
            principal: {},
            recordUse: () => {
              throw new Error('secret cause')
            },
          }) as unknown as Verdict,
      },
    ],
  ]
  test.each(broken)('%s', async (_when, options) => {
    const app = aScope(options)
    app.register(async (scope) => {
      scope.get('/', { config: { access: { scopes: ['x'] } } }, () => 'secret data')
      scope.get('/open', { config: { access: {} } }, () => 'secret data')
    })
    for (const url of ['/', '/open']) {
      const answer = await app.inject({ url, headers: { 'x-api-key': 'lk_x' } })

      if (!(url === '/open' && _when === 'at what was found later')) expect(answer.statusCode).toBe(500)
      expect(answer.body).not.toContain('secret cause')
    }
    await app.close()
  })
})

test.each([
  ['a misspelled member', { scope: ['x'] }],
  ['an unknown word', { by: 'loggin' }],
  ['scopes that are no list', { scopes: 'x' }],
])('a route whose access has %s stops the start', async (_what, access) => {
  const app = aScope()
  app.register(async (scope) => {
    // As a program without types could write it.
    scope.get('/items', { config: { access: access as object } }, () => 'secret data')
  })

  await expect(app.ready()).rejects.toThrow('GET /items says in config.access what nobody knows')
})
