import type { FastifyInstance, InjectOptions } from 'fastify'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { guardedApp } from '../support/guarded-app.js'
import { type CreatedKey, startService, type TestService } from '../support/service.js'

const everyMethod = ['GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'PATCH', 'DELETE'] as const
const hardScopes = ['catalog write', 'büro:läsa', '100%', 'say "hi"', 'back\\slash', 'group:/a b', '\ud800']

let service: TestService
let app: FastifyInstance
let key: CreatedKey
let readOnly: CreatedKey
let bound: CreatedKey
beforeAll(async () => {
  service = await startService()
  key = await service.createKey('alice')
  readOnly = await service.createKey('alice', { read_only: true })
  bound = await service.createKey('alice', {
    read_only: true,
    allowed_referers: ['portal.example'],
    allowed_ips: ['192.0.2.0/24'],
  })
  const methods = everyMethod.filter((method) => method !== 'HEAD')
  app = await guardedApp(service, [
    { url: '/any', method: methods, access: {}, handler: () => 'secret data' },
    { url: '/search', method: 'POST', access: { readOnlyKeys: 'may-write' }, handler: () => 'secret data' },
    { url: '/login', method: methods, access: { by: 'login' }, handler: () => 'secret data' },
    { url: '/scoped', method: methods, access: { scopes: ['rspy-user', 'latchkey:catalog_read'] } },
    { url: '/lacking', method: methods, access: { scopes: ['rspy-user', 'nobody:has'] } },
    { url: '/hard', access: { scopes: hardScopes } },
    { url: '/login-lacking', access: { by: 'login', scopes: ['nobody:has'] } },
  ])
})
afterAll(async () => {
  await app.close()
  await service.close()
})

const call = async (options: InjectOptions) => {
  const response = await app.inject(options)
  return {
    status: response.statusCode,
    headers: response.headers,
    body: response.body,
    code: response.statusCode < 400 || response.body === '' ? undefined : response.json().code,
  }
}
const as = ({ value }: CreatedKey) => ({ 'x-api-key': value })
const fromPortal = { origin: 'https://portal.example' }
const allowedAddress = '192.0.2.7'

describe('a read-only key', () => {
  test.each(['GET', 'HEAD', 'OPTIONS'] as const)('may %s', async (method) => {
    expect((await call({ method, url: '/any', headers: as(readOnly) })).status).toBe(200)
  })

  test.each(['POST', 'PUT', 'PATCH', 'DELETE'] as const)('may not %s', async (method) => {
    const answer = await call({ method, url: '/any', headers: as(readOnly) })

    expect(answer).toMatchObject({ status: 403, code: 'read_only_key' })
    expect(answer.body).not.toContain('secret data')
    expect((await call({ method, url: '/any', headers: as(key) })).status).toBe(200)
  })

  test('may write where the route says that it only reads', async () => {
    expect((await call({ method: 'POST', url: '/search', headers: as(readOnly) })).status).toBe(200)
  })

  test('may revoke itself, and no other key', async () => {
    const own = await service.createKey('alice', { read_only: true })
    const other = await service.inject({
      method: 'POST',
      url: `/api-keys/${key.id}/revoke`,
      headers: as(own),
    })
    const itself = await service.inject({
      method: 'POST',
      url: `/api-keys/${own.id}/revoke`,
      headers: as(own),
    })

    expect(other.json.code).toBe('login_required')
    expect(itself.json.status).toBe('revoked')
    expect((await service.inject({ url: '/me', headers: as(own) })).status).toBe(401)
  })
})

describe('scopes', () => {
  test('must all be there', async () => {
    expect((await call({ url: '/scoped', headers: as(key) })).status).toBe(200)
    const answer = await call({ url: '/lacking', headers: as(key) })

    expect(answer).toMatchObject({ status: 403, code: 'insufficient_scope' })
    expect(answer.headers['www-authenticate']).toBe(
      'Bearer error="insufficient_scope", scope="rspy-user nobody:has"',
    )
  })

  test('of a key that was given fewer are these and no more', async () => {
    const narrow = await service.createKey('alice', { scopes: ['rspy-user'] })

    expect((await call({ url: '/scoped', headers: as(narrow) })).code).toBe('insufficient_scope')
    expect((await call({ url: '/any', headers: as(narrow) })).status).toBe(200)
  })

  test('of a token are asked for as those of a key are', async () => {
    expect((await call({ url: '/scoped', headers: await service.as('bob') })).status).toBe(200)
    expect((await call({ url: '/lacking', headers: await service.as('bob') })).code).toBe(
      'insufficient_scope',
    )
  })

  test('with spaces, quotes and any script make one challenge that can be read back', async () => {
    const { status, headers } = await call({ url: '/hard', headers: as(key) })
    const challenge = String(headers['www-authenticate'])
    const [, scope = ''] = /^Bearer error="insufficient_scope", scope="([!#-[\]-~ ]+)"$/.exec(challenge) ?? []

    expect(status).toBe(403)
    expect(scope.split(' ').map(decodeURIComponent)).toEqual([...hardScopes.slice(0, -1), '\ufffd'])
  })
})

test('an operation for logins refuses every key, whatever its rights, and takes a token', async () => {
  const answer = await call({ url: '/login', headers: as(key) })

  expect(answer).toMatchObject({ status: 403, code: 'login_required' })
  expect(answer.body).not.toContain('secret data')
  expect((await call({ url: '/login', headers: await service.as('bob') })).status).toBe(200)
})

describe('of several reasons to refuse, the first of this order is told', () => {
  const good = { ...fromPortal }
  test.each<[string, InjectOptions]>([
    ['invalid_request', { headers: { authorization: 'x' } }],
    ['invalid_credential', { headers: { 'x-api-key': 'wrong' } }],
    ['referer_not_allowed', { remoteAddress: '198.51.100.1' }],
    ['address_not_allowed', { remoteAddress: '198.51.100.1', headers: good }],
    ['read_only_key', { remoteAddress: allowedAddress, headers: good }],
    ['insufficient_scope', { remoteAddress: allowedAddress, headers: good, method: 'GET' }],
  ])('%s', async (code, options) => {
    const headers = { ...as(bound), ...options.headers }
    const answer = await call({ method: 'POST', url: '/lacking', ...options, headers })

    expect(answer.code).toBe(code)
  })

  test('login_required before the scopes that nobody has', async () => {
    expect((await call({ url: '/login-lacking', headers: as(key) })).code).toBe('login_required')
  })

  test('everything before what is wrong with the body', async () => {
    const payload = '{"broken'
    const headers = { 'content-type': 'application/json' }
    const post = { method: 'POST', url: '/any', payload } as const

    expect((await call({ ...post, headers })).code).toBe('not_authenticated')
    expect((await call({ ...post, headers: { ...headers, ...as(readOnly) } })).code).toBe('read_only_key')
    expect((await call({ ...post, headers: { ...headers, ...as(key) } })).code).toBe('validation_failed')
  })
})

test('a refusal is not counted as a use of the key', async () => {
  const fresh = await service.createKey('alice', { read_only: true })
  for (let calls = 0; calls < 3; calls += 1) {
    const answer = await service.inject({ method: 'POST', url: '/api-keys', headers: as(fresh), payload: {} })
    expect(answer.status).toBe(403)
  }
  await service.inject({ url: '/me', headers: as(fresh) })

  await expect
    .poll(
      async () => {
        const shown = await service.inject({
          url: `/api-keys/${fresh.id}`,
          headers: await service.as('alice'),
        })
        return shown.json.usage.total
      },
      { timeout: 5000 },
    )
    .toBe(1)
})
