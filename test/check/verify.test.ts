import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { newKeyId, newValue } from '../../src/keys/value.js'
import { type CreatedKey, startService, type TestService } from '../support/service.js'

let service: TestService
beforeAll(async () => {
  service = await startService({ MAX_KEYS_PER_USER: '1000', VERDICT_MAX_STALE_SECONDS: '45' })
})
afterAll(() => service.close())
beforeEach(() => service.clock.freeze('2030-01-01T00:00:00.000Z'))

const ask = (payload: object, more: object = {}) =>
  service.inject({ method: 'POST', url: '/api-keys/verify', payload, ...more })
const aKey = (wanted?: Record<string, unknown>) => service.createKey('alice', wanted)
const unknownValue = () => newValue('lk', newKeyId(randomBytes), randomBytes)

const refusal = { valid: false, code: 'invalid_credential', cache_seconds: 5, stale_if_error_seconds: 0 }

async function usageOf(key: CreatedKey) {
  const read = async () => {
    const answer = await service.inject({ url: `/api-keys/${key.id}`, headers: await service.as('alice') })
    return answer.json.usage
  }
  // Counters are written once a second.
  await new Promise((resolve) => setTimeout(resolve, 1200))
  return read()
}

test('a good key is told with whom it acts for, what binds it, and how long that holds', async () => {
  const key = await aKey({ config: { project: 'demo' } })

  const answer = await ask({ value: key.value })

  expect(answer.status).toBe(200)
  expect(answer.headers['cache-control']).toBe('no-store')
  expect(answer.json).toEqual({
    valid: true,
    principal: {
      subject: '11111111-1111-4111-8111-111111111111',
      login: 'alice',
      name: 'Alice Liddell',
      email: 'alice@example.test',
      kind: 'user',
      via: 'api-key',
      roles: ['latchkey:catalog_read', 'rspy-user'],
      scopes: ['latchkey:catalog_read', 'rspy-user'],
      attributes: {},
      config: { project: 'demo' },
      key_id: key.id,
    },
    bounds: {
      read_only: false,
      allowed_referers: null,
      allowed_ips: null,
      expires_at: '2030-01-16T00:00:00.000Z',
      valid_until: null,
      authorized_here: true,
      limited: false,
    },
    cache_seconds: 5,
    stale_if_error_seconds: 45,
  })
})

test('neither the value nor its secret is told', async () => {
  const { id, value } = await aKey()

  const good = await ask({ value })
  const invalid = await ask({ value, more: true })

  for (const { body } of [good, invalid]) {
    expect(body).not.toContain(value)
    expect(body).not.toContain(value.slice(4 + id.length))
  }
  expect(service.log.join('')).not.toContain(value)
})

describe('a value that is no good is told so, without why', () => {
  test.each<[string, () => Promise<string>]>([
    ['of another shape', async () => 'not-a-key'],
    ['with a wrong checksum', async () => `${(await aKey()).value.slice(0, -1)}!`],
    ['that is unknown', async () => unknownValue()],
    [
      'with another secret',
      async () => {
        const { id } = await aKey()
        return newValue('lk', id, randomBytes)
      },
    ],
    [
      'that was revoked',
      async () => {
        const { id, value } = await aKey()
        expect((await ask({ value })).json.valid).toBe(true)
        await service.inject({
          method: 'POST',
          url: `/api-keys/${id}/revoke`,
          headers: await service.as('alice'),
          payload: {},
        })
        return value
      },
    ],
    [
      'that has ended',
      async () => {
        const { value } = await aKey({ expires_in: 60 })
        expect((await ask({ value })).json.valid).toBe(true)
        service.clock.advance(60_000)
        return value
      },
    ],
  ])('%s', async (_kind, makeValue) => {
    const value = await makeValue()

    const answer = await ask({ value, method: 'GET' })

    expect(answer.status).toBe(200)
    expect(answer.json).toEqual(refusal)
  })
})

describe('a call that its key may not make is refused with the code of the hook', () => {
  const cases: [string, Record<string, unknown>, Record<string, unknown>, string | undefined][] = [
    ['a read', { read_only: true }, { method: 'GET' }, undefined],
    ['a write', { read_only: true }, { method: 'POST' }, 'read_only_key'],
    ['a method nobody named', { read_only: true }, {}, 'read_only_key'],
    [
      'a method in another case, which is another one',
      { read_only: true },
      { method: 'get' },
      'read_only_key',
    ],
    ['an address of the range', { allowed_ips: ['192.0.2.0/24'] }, { client_ip: '192.0.2.9' }, undefined],
    [
      'an address beyond',
      { allowed_ips: ['192.0.2.0/24'] },
      { client_ip: '192.0.3.9' },
      'address_not_allowed',
    ],
    ['an address nobody named', { allowed_ips: ['127.0.0.1', '::1'] }, {}, 'address_not_allowed'],
    ['the page', { allowed_referers: ['a.example'] }, { referer: 'https://a.example/x' }, undefined],
    [
      'another page',
      { allowed_referers: ['a.example'] },
      { referer: 'https://b.example/' },
      'referer_not_allowed',
    ],
    ['a page nobody named', { allowed_referers: ['a.example'] }, {}, 'referer_not_allowed'],
    ['a right that it has', {}, { scopes: ['rspy-user'] }, undefined],
    ['a right that it lacks', {}, { scopes: ['rspy-user', 'admin'] }, 'insufficient_scope'],
    [
      'a right that only its owner has',
      { scopes: ['rspy-user'] },
      { scopes: ['latchkey:catalog_read'] },
      'insufficient_scope',
    ],
    [
      'all of it wrong: the referer is named first',
      { allowed_referers: ['a.example'], allowed_ips: ['192.0.2.1'], read_only: true },
      { scopes: ['admin'] },
      'referer_not_allowed',
    ],
  ]
  test.each(cases)('%s', async (_call, wanted, question, code) => {
    const { id, value } = await aKey(wanted)

    const answer = await ask({ value, ...question })

    expect(answer.status).toBe(200)
    expect(answer.json.valid).toBe(code === undefined)
    expect(answer.json.code).toBe(code)
    // Also of a refused call: other calls of the same key may be allowed.
    expect(answer.json.principal.key_id).toBe(id)
    expect(answer.json.bounds).toMatchObject({
      read_only: wanted.read_only ?? false,
      allowed_ips: wanted.allowed_ips ?? null,
      allowed_referers: wanted.allowed_referers ?? null,
    })
  })
})

describe('no answer outlives the value', () => {
  test('a key that ends soon is told for as long as it lives, rounded down', async () => {
    const { value } = await aKey({ expires_in: 60 })
    service.clock.advance(56_500)

    const answer = await ask({ value })

    expect(answer.json).toMatchObject({ valid: true, cache_seconds: 3, stale_if_error_seconds: 3 })
  })

  test('an earlier value ends with its grace, though its key goes on', async () => {
    const { id, value } = await aKey()
    const rotated = await service.inject({
      method: 'POST',
      url: `/api-keys/${id}/rotate`,
      headers: await service.as('alice'),
      payload: { grace_seconds: 60 },
    })

    const old = await ask({ value })
    const current = await ask({ value: rotated.json.value })
    service.clock.advance(57_000)
    const late = await ask({ value })

    expect(old.json.bounds).toMatchObject({
      expires_at: '2030-01-16T00:00:00.000Z',
      valid_until: '2030-01-01T00:01:00.000Z',
    })
    expect(current.json.bounds).toMatchObject({
      expires_at: '2030-01-16T00:00:00.000Z',
      valid_until: null,
    })
    expect(late.json).toMatchObject({ valid: true, cache_seconds: 3, stale_if_error_seconds: 3 })
  })

  test('a key that never ends says so', async () => {
    const { value } = await aKey({ never_expires: true })

    expect((await ask({ value })).json.bounds.expires_at).toBeNull()
  })
})

describe('who asks needs no credential, and gets nothing by one', () => {
  test('a credential beside the question is not looked at', async () => {
    const { value } = await aKey()
    for (const headers of [
      { 'x-api-key': 'wrong' },
      { authorization: 'Bearer wrong' },
      { authorization: 'broken' },
      { cookie: 'latchkey_session=wrong' },
      { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' },
    ]) {
      const answer = await ask({ value }, { headers })

      expect(answer.json.valid).toBe(true)
      expect(answer.headers).not.toHaveProperty('set-cookie')
    }
  })

  test.each<[string, object]>([
    ['only in a header', { headers: (value: string) => ({ 'x-api-key': value }) }],
    ['only in the URL', { url: (value: string) => `/api-keys/verify?value=${value}&api_key=${value}` }],
  ])('a value %s is not read', async (_where, make) => {
    const { value } = await aKey()
    const more = Object.fromEntries(Object.entries(make).map(([name, of]) => [name, of(value)]))

    const answer = await ask({ method: 'GET' }, more)

    expect(answer.status).toBe(400)
    expect(answer.json).toMatchObject({
      code: 'validation_failed',
      errors: [{ path: 'value', message: 'is required' }],
    })
    expect(answer.headers['cache-control']).toBe('no-store')
  })
})

test.each<[string, unknown, number]>([
  ['nothing', undefined, 400],
  ['no object', [], 400],
  ['a value that is no text', { value: 7 }, 400],
  ['an empty value', { value: '' }, 400],
  ['a value that is too long', { value: 'x'.repeat(4097) }, 400],
  ['an unknown member', { value: 'x', admin: true }, 400],
  ['an address that is none', { value: 'x', client_ip: '192.0.2.0/24' }, 400],
  ['scopes that are no list', { value: 'x', scopes: 'admin' }, 400],
  ['a body that is too large', { value: 'x'.repeat(70_000) }, 413],
])('a question with %s is refused', async (_what, payload, status) => {
  const answer = await ask(payload as object)

  expect(answer.status).toBe(status)
  expect(answer.json).not.toHaveProperty('valid')
})

describe('usage', () => {
  test('a yes counts as one use, from where the client is', async () => {
    const key = await aKey()
    await ask({ value: key.value, client_ip: '192.0.2.7' }, { headers: { 'user-agent': 'catalogue/1' } })

    expect(await usageOf(key)).toMatchObject({
      total: 1,
      last_used_ip: '192.0.2.7',
      last_user_agent: 'catalogue/1',
    })
  })

  test('without an address of the client, that of who asks counts', async () => {
    const key = await aKey()
    await ask({ value: key.value }, { remoteAddress: '198.51.100.4' })

    expect(await usageOf(key)).toMatchObject({ total: 1, last_used_ip: '198.51.100.4' })
  })

  test('a no is no use', async () => {
    const key = await aKey({ read_only: true })
    await ask({ value: key.value, method: 'POST' })

    expect(await usageOf(key)).toMatchObject({ total: 0, last_used_at: null })
  })
})
