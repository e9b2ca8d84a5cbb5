import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hasValidChecksum, readKeyId } from '../../src/keys/value.js'
import { expectProblem } from '../keys/requests.js'
import { me, openPrinted, type SingleUserService, startSingleUser } from './a-service.js'

const given = 'my-own_key-of-enough-characters-0123456789'
let service: SingleUserService
let own: SingleUserService
beforeAll(async () => {
  service = await startSingleUser()
  own = await startSingleUser({ LATCHKEY_SINGLE_USER_API_KEY: given })
})
afterAll(async () => {
  await service.close()
  await own.close()
})

const withKey = (): Record<string, string> => ({ 'x-api-key': service.key })
const call = (
  method: 'GET' | 'POST' | 'PUT' | 'DELETE',
  url: string,
  payload?: object,
  headers = withKey(),
) => service.inject({ method, url, headers, ...(payload === undefined ? {} : { payload }) })

describe('the key of a start', () => {
  test('is shaped as any key, and another one at each start', async () => {
    const other = await startSingleUser()
    await other.close()

    expect(readKeyId(service.key, 'lk')).not.toBeNull()
    expect(hasValidChecksum(service.key)).toBe(true)
    expect(other.key).not.toBe(service.key)
  })

  test('is the one that was given, where one was', async () => {
    expect(own.key).toBe(given)
    expect((await me(own, { 'x-api-key': given })).status).toBe(200)
  })

  test.each<[string, (key: string) => Record<string, string>]>([
    ['X-API-Key', (key) => ({ 'x-api-key': key })],
    ['Authorization: Apikey', (key) => ({ authorization: `Apikey ${key}` })],
    ['Authorization: Bearer', (key) => ({ authorization: `Bearer ${key}` })],
  ])('is taken by %s, and is the single user with all rights', async (_form, headers) => {
    for (const one of [service, own]) {
      const answer = await me(one, headers(one.key))

      expect(answer.json).toEqual({
        subject: 'single-user',
        login: 'single-user',
        name: null,
        email: null,
        kind: 'user',
        via: 'api-key',
        roles: ['*'],
        scopes: ['*'],
        attributes: {},
      })
      expect(answer.body).not.toContain(one.key)
    }
  })

  test.each([
    '/me?api_key=KEY',
    '/me?api-key=KEY',
    '/api-keys?limit=5&api_key=KEY',
    '/admin/api-keys?api_key=KEY',
    '/catalog/collections?api_key=KEY',
  ])('is taken in the query of any route: %s', async (url) => {
    const answer = await service.inject({ url: url.replace('KEY', service.key) })

    expect(answer.status).toBe(200)
    expect(answer.headers['referrer-policy']).toBe('no-referrer')
  })

  test.each<[string, (key: string) => string]>([
    ['its last character changed', (key) => key.slice(0, -1) + (key.endsWith('x') ? 'y' : 'x')],
    ['a character less', (key) => key.slice(0, -1)],
    ['a character more', (key) => `${key}x`],
    ['its beginning alone', (key) => key.slice(0, 12)],
    ['the other case', (key) => key.toUpperCase()],
    ['its hash', () => '0'.repeat(64)],
    ['the word for all rights', () => '*'],
    ['the name of its owner', () => 'single-user'],
  ])('is not taken with %s', async (_what, spoil) => {
    for (const one of [service, own]) {
      expectProblem(await me(one, { 'x-api-key': spoil(one.key) }), 401, 'invalid_credential')
      expectProblem(await me(one, { authorization: `Bearer ${spoil(one.key)}` }), 401, 'invalid_credential')
    }
  })

  test('that was given is no password, no cookie and no pair', async () => {
    const basic = Buffer.from(`single-user:${given}`).toString('base64')

    expectProblem(await me(own, { authorization: `Basic ${basic}` }), 401, 'invalid_credential')
    expectProblem(await me(own, { cookie: `access_token=${given}` }), 401, 'not_authenticated')
    expectProblem(await me(own, { cookie: `latchkey_session=${given}` }), 401, 'not_authenticated')
    expectProblem(
      await me(own, { 'otoroshi-client-id': 'single-user', 'otoroshi-client-secret': given }),
      401,
      'invalid_credential',
    )
  })

  test('does not make a wrong credential of a higher form good', async () => {
    const answer = await me(service, { 'x-api-key': 'wrong', authorization: `Bearer ${service.key}` })

    expectProblem(answer, 401, 'invalid_credential')
  })
})

test('no OAuth2 token is taken, not even one that the embedded identity provider would have signed', async () => {
  for (const person of ['alice', 'bob'] as const) {
    expectProblem(await me(service, await service.as(person)), 401, 'invalid_credential')
  }
  const claims = { sub: 'single-user', realm_access: { roles: ['*'] } }
  expectProblem(await me(service, await service.as('alice', { claims })), 401, 'invalid_credential')
})

test.each(['/dev-idp/realms/latchkey/.well-known/openid-configuration', '/auth/callback?code=x&state=y'])(
  '%s is not there',
  async (url) => {
    expect((await service.inject({ url })).json).toMatchObject({ status: 404, code: 'not_found' })
  },
)

test('there is no back-channel logout either', async () => {
  const answer = await service.inject({
    method: 'POST',
    url: '/auth/backchannel-logout',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    payload: 'logout_token=x',
  })

  expect(answer.json).toMatchObject({ status: 404, code: 'not_found' })
})

test('it is ready without an issuer, and says to programs that nobody logs in', async () => {
  const ready = await service.inject({ url: '/health/ready' })
  const metadata = await service.inject({ url: '/.well-known/oauth-protected-resource' })

  expect(ready.json).toEqual({ status: 'up' })
  expect(metadata.json).toMatchObject({ resource: service.url, latchkey_single_user: true })
  expect(metadata.json).not.toHaveProperty('authorization_servers')
  expect(metadata.json).not.toHaveProperty('latchkey_cli_client_id')
})

describe('with the key one may do what a login may', () => {
  test('administrate, where nobody else is asked', async () => {
    const made = await call('POST', '/admin/api-keys', { name: 'robot', scopes: ['read'] })
    const off = await call('PUT', '/admin/providers/api-key', {
      name: 'api-key',
      type: 'api-key',
      disabled: true,
    })
    const robot = await me(service, { 'x-api-key': made.json.value })
    // It stands for the login, which goes on as well.
    const stillIn = await me(service, withKey())
    await call('PUT', '/admin/providers/api-key', { name: 'api-key', type: 'api-key', disabled: false })

    expect([made.status, off.status, stillIn.status]).toEqual([201, 200, 200])
    expectProblem(robot, 401, 'invalid_credential')
    expect((await me(service, { 'x-api-key': made.json.value })).json.scopes).toEqual(['read'])
  })

  test('make keys for a task, which have the rights that they name and no other', async () => {
    const { json: key } = await call('POST', '/api-keys', { name: 'reader', scopes: ['catalog:read', 'b'] })
    const headers = { 'x-api-key': key.value }

    expect((await me(service, headers)).json).toMatchObject({
      subject: 'single-user',
      scopes: ['catalog:read', 'b'],
      key_id: key.id,
    })
    expectProblem(await call('POST', '/api-keys', { name: 'more' }, headers), 403, 'login_required')
    expectProblem(await call('GET', '/api-keys', undefined, headers), 403, 'login_required')
    expectProblem(await call('GET', '/admin/api-keys', undefined, headers), 403, 'login_required')
  })

  test('make keys that inherit all rights, which are keys nevertheless', async () => {
    const { json: key } = await call('POST', '/api-keys', { name: 'heir', never_expires: true })
    const headers = { 'x-api-key': key.value }

    expect((await me(service, headers)).json.scopes).toEqual(['*'])
    expectProblem(await call('POST', '/api-keys', { name: 'more' }, headers), 403, 'login_required')
    expectProblem(await call('GET', '/admin/api-keys', undefined, headers), 403, 'login_required')
    expectProblem(
      await service.inject({ url: `/?api_key=${key.value}`, headers: { accept: 'application/json' } }),
      401,
      'invalid_credential',
    )
  })

  test('see which scopes a key can be given, and not the word that means all', async () => {
    const { json } = await call('GET', '/scopes')

    expect(json.items.map(({ scope }: { scope: string }) => scope)).toEqual(['inherit'])
  })

  test('but not give all rights by their name', async () => {
    const answer = await call('POST', '/api-keys', { name: 'star', scopes: ['*'] })

    expectProblem(answer, 400, 'validation_failed')
  })

  test('and at most twenty keys at once, as anybody', async () => {
    const before = (await call('GET', '/api-keys')).json.items.length
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, at) => call('POST', '/api-keys', { name: `many-${at}` })),
    )

    expect(answers.filter(({ status }) => status === 201)).toHaveLength(20 - before)
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201, 409]))
  })
})

test('it stands in no row of the database and in no line of the log', async () => {
  for (const one of [service, own]) {
    await openPrinted(one)
    await one.inject({ url: `/nowhere/${one.key}?x=${one.key}` })
    await one.inject({ url: `/me?api%5Fkey=${one.key}&note=${one.key}` })
    const rows = await Promise.all([
      one.db.prisma.owner.findMany(),
      one.db.prisma.apiKey.findMany(),
      one.db.prisma.apiKeyValue.findMany(),
      one.db.prisma.session.findMany(),
      one.db.prisma.auditEvent.findMany(),
    ])

    expect(one.log.length).toBeGreaterThan(3)
    expect(one.log.join('')).toContain('/nowhere/')
    expect(one.log.join('')).not.toContain(one.key)
    expect(
      JSON.stringify(rows, (_name, value) => (typeof value === 'bigint' ? String(value) : value)),
    ).not.toContain(one.key)
  }
})

describe('whoever asks about it', () => {
  const ask = (value: string, more: object = {}) =>
    service.inject({ method: 'POST', url: '/api-keys/verify', payload: { value, ...more } })

  test('hears that it is good for everything, and is told no part of it', async () => {
    const answer = await ask(service.key, { scopes: ['any', 'thing'] })

    expect(answer.json).toMatchObject({
      valid: true,
      principal: { subject: 'single-user', scopes: ['*'], key_id: '' },
      bounds: { read_only: false, allowed_ips: null, expires_at: null, limited: false },
    })
    expect(answer.body).not.toContain(service.key.slice(0, 11))
  })

  test('hears of a wrong one what they hear of any', async () => {
    expect((await ask(`${service.key}x`)).json).toMatchObject({ valid: false, code: 'invalid_credential' })
  })
})
