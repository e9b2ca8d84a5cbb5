import { afterAll, beforeAll, expect, test } from 'vitest'
import { startService, type TestService } from '../support/service.js'
import { requestsTo, subjects } from './requests.js'

let service: TestService
const ask = requestsTo(() => service)
const now = new Date('2026-11-21T12:00:00.123Z')
beforeAll(async () => {
  service = await startService({ MAX_KEYS_PER_USER: '100' })
  service.clock.freeze(now)
})
afterAll(() => service.close())

const daysFromNow = (days: number) => new Date(now.getTime() + days * 86_400_000).toISOString()

test('a person makes a key with a token and calls a service with it', async () => {
  const key = await service.createKey('alice', { name: 'first' })

  const me = await ask.with(key.value)
  const items = await ask.with(key.value, 'GET', '/catalog/collections')

  expect(me.json).toMatchObject({ login: 'alice', via: 'api-key', key_id: key.id })
  expect(items.status).toBe(200)
})

test('a name is all that a new key needs; the rest has its defaults', async () => {
  const answer = await ask.as('alice', 'POST', '/api-keys', { name: 'plain' })

  const { id, value, ...rest } = answer.json
  expect(answer.status).toBe(201)
  expect(value).toContain(id)
  expect(rest).toEqual({
    name: 'plain',
    note: '',
    kind: 'user',
    owner: { subject: subjects.alice, login: 'alice' },
    status: 'active',
    enabled: true,
    created_at: now.toISOString(),
    expires_at: daysFromNow(15),
    never_expires: false,
    revoked_at: null,
    revoked_by: null,
    scopes: ['inherit'],
    read_only: false,
    groups: [],
    services: [],
    limits: { per_second: null, per_day: null, per_month: null },
    jwt: false,
    allowed_referers: [],
    allowed_ips: [],
    config: {},
    usage: { total: 0, today: 0, last_used_at: null, last_used_ip: null, last_user_agent: null },
    previous_values: [],
  })
})

test('the answer says where the key is, and that nobody on the way may keep it', async () => {
  const answer = await ask.as('alice', 'POST', '/api-keys', { name: 'located' })

  const location = new URL(String(answer.headers.location), `${service.url}/api-keys`)
  expect(location.href).toBe(`${service.url}/api-keys/${answer.json.id}`)
  expect((await ask.as('alice', 'GET', location.pathname)).json.name).toBe('located')
  expect(answer.headers['cache-control']).toBe('no-store')
  expect(answer.headers['content-type']).toMatch(/^application\/json/)
})

test.each([
  ['note', { note: 'On node 7,\nin\tcron ☂' }, {}],
  ['never_expires', { never_expires: true }, { expires_at: null }],
  ['config', { config: { project: 'demo', nested: { list: [1, 'zwei', null, true] }, '': 0 } }, {}],
  ['allowed_referers', { allowed_referers: ['portal.example.org', '*.example.org:8080', 'localhost'] }, {}],
  ['allowed_ips', { allowed_ips: ['192.0.2.7', '10.0.0.0/8', '2001:db8::/32', '::1'] }, {}],
  ['scopes', { scopes: ['latchkey:catalog_read', 'rspy-user'] }, {}],
  ['an empty list of scopes', { scopes: [] }, {}],
  ['read_only', { read_only: true }, {}],
])('%s is kept as it was given', async (_member, wanted, expected) => {
  const key = await service.createKey('alice', wanted)

  const shown = (await ask.as('alice', 'GET', `/api-keys/${key.id}`)).json
  expect(shown).toMatchObject({ ...wanted, ...expected })
  expect(key).toMatchObject({ ...wanted, ...expected })
})

test.each([
  ['one second', 1, new Date(now.getTime() + 1000).toISOString()],
  ['the longest life there is', 366 * 86_400, daysFromNow(366)],
])('a key may live for %s', async (_life, seconds, end) => {
  const key = await service.createKey('alice', { expires_in: seconds })

  expect(key).toMatchObject({ expires_at: end, never_expires: false })
})

test.each([
  ['a name of 100 characters beyond the first plane', '🔑'.repeat(100)],
  ['a name of one point', '.'],
  ['a name in any script', 'clé ключ 鍵 مفتاح'],
  ['a name that looks like a query', `'; DROP TABLE api_keys; --`],
  ['a name with markup', '<script>alert(1)</script>'],
])('%s is as good as any', async (_what, name) => {
  const key = await service.createKey('alice', { name })

  expect((await ask.as('alice', 'GET', `/api-keys/${key.id}`)).json.name).toBe(name)
})

test('config may be exactly 4,096 bytes long and 32 deep', async () => {
  const long = { text: `${'é'.repeat(2042)}x` }
  expect(Buffer.byteLength(JSON.stringify(long))).toBe(4096)
  let deep: unknown = {}
  for (let depth = 1; depth < 32; depth++) deep = { deep }

  expect((await service.createKey('alice', { config: long })).config).toEqual(long)
  expect((await service.createKey('alice', { config: deep })).config).toEqual(deep)
})

test('text that only spells an escape of NUL is text', async () => {
  const config = { path: 'C:\\u0000', lone: '\\ud800', even: '\\\\u0000' }

  expect((await service.createKey('alice', { config })).config).toEqual(config)
})

test('a key carries the rights of its owner, or those it was given', async () => {
  const all = await service.createKey('alice')
  const one = await service.createKey('alice', { scopes: ['rspy-user'] })
  const none = await service.createKey('alice', { scopes: [] })

  expect((await ask.with(all.value)).json.scopes).toEqual(['latchkey:catalog_read', 'rspy-user'])
  expect((await ask.with(one.value)).json).toMatchObject({
    roles: ['latchkey:catalog_read', 'rspy-user'],
    scopes: ['rspy-user'],
  })
  expect((await ask.with(none.value)).json.scopes).toEqual([])
})

test('a right that the owner loses is lost to the key that was given it', async () => {
  const subject = 'loser'
  const headers = async (roles: string[]) =>
    service.as('bob', { claims: { sub: subject, realm_access: { roles }, resource_access: undefined } })
  const make = async (name: string, roles: string[], scopes: string[]) =>
    service.inject({
      method: 'POST',
      url: '/api-keys',
      headers: await headers(roles),
      payload: { name, scopes },
    })
  const key = (await make('before', ['editor', 'reader'], ['editor', 'reader'])).json
  expect((await ask.with(key.value)).json.scopes).toEqual(['editor', 'reader'])

  service.clock.advance(5000)
  await make('after', ['reader'], ['reader'])

  expect((await ask.with(key.value)).json.scopes).toEqual(['reader'])
  expect((await ask.as('alice', 'GET', '/api-keys')).body).not.toContain(key.id)
})

test('the value is shown at creation and never again', async () => {
  const key = await service.createKey('alice')
  const secret = key.value.slice(12)

  const later = await Promise.all([
    ask.as('alice', 'GET', `/api-keys/${key.id}`),
    ask.as('alice', 'GET', '/api-keys?limit=200'),
    ask.as('alice', 'PATCH', `/api-keys/${key.id}`, { note: 'x' }),
    ask.as('alice', 'POST', `/api-keys/${key.id}/renew`),
    ask.with(key.value, 'GET', `/api-keys/${key.id}`),
    ask.with(key.value),
    ask.as('alice', 'POST', `/api-keys/${key.id}/revoke`),
  ])

  for (const answer of later) {
    expect(answer.status).toBe(200)
    expect(answer.body).not.toContain(secret)
    expect(answer.body).not.toContain('"value"')
    expect(answer.body).not.toMatch(/hash/i)
  }
})
