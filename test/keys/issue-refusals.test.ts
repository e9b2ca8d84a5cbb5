import { afterAll, beforeAll, expect, test } from 'vitest'
import { startService, type TestService } from '../support/service.js'
import { expectInvalid, expectProblem, requestsTo } from './requests.js'

let service: TestService
let rows: Awaited<ReturnType<typeof ask.countRows>>
const ask = requestsTo(() => service)
beforeAll(async () => {
  service = await startService()
  await service.createKey('alice', { name: 'taken' })
  rows = await ask.countRows()
})
afterAll(async () => {
  // After every refusal in this file: no key, no value and no line in the ledger.
  expect(await ask.countRows()).toEqual(rows)
  await service.close()
})

const nested = (depth: number) => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`

test.each([
  ['no JSON', '{"name": "x"', ''],
  ['nothing', '', 'name'],
  ['null', 'null', ''],
  ['a list', '[]', ''],
  ['a text', '"name"', ''],
  ['no name', '{}', 'name'],
  ['a name that is a number', '{"name": 1}', 'name'],
  ['a name that is null', '{"name": null}', 'name'],
  ['an empty name', '{"name": ""}', 'name'],
  ['a name of 101 characters', JSON.stringify({ name: 'x'.repeat(101) }), 'name'],
  ['a name of 101 emoji', JSON.stringify({ name: '🔑'.repeat(101) }), 'name'],
  ['a line break in the name', '{"name": "a\\nb"}', 'name'],
  ['NUL in the name', '{"name": "a\\u0000b"}', 'name'],
  ['DEL in the name', '{"name": "a\\u007fb"}', 'name'],
  ['a C1 control in the name', '{"name": "a\\u0085b"}', 'name'],
  ['a line separator in the name', '{"name": "a\\u2028b"}', 'name'],
  ['a lone surrogate in the name', '{"name": "a\\ud800"}', 'name'],
  ['a surrogate of the wrong half', '{"name": "\\udd11\\ud83d"}', 'name'],
  ['NUL in the note', '{"name": "x", "note": "\\u0000"}', 'note'],
  ['a lone surrogate in the note', '{"name": "x", "note": "\\udfff"}', 'note'],
  ['a bell in the note', '{"name": "x", "note": "\\u0007"}', 'note'],
  ['a note of 1,001 characters', JSON.stringify({ name: 'x', note: '🔑'.repeat(1001) }), 'note'],
  ['NUL in config', '{"name": "x", "config": {"a": ["\\u0000"]}}', 'config'],
  ['NUL in a name of config', '{"name": "x", "config": {"\\u0000": 1}}', 'config'],
  ['NUL after a backslash in config', '{"name": "x", "config": {"a": "\\\\\\u0000"}}', 'config'],
  ['a lone surrogate in config', '{"name": "x", "config": {"a": {"b": "\\ud83d"}}}', 'config'],
  [
    'config of 4,097 bytes',
    JSON.stringify({ name: 'x', config: { text: `${'é'.repeat(2042)}xx` } }),
    'config',
  ],
  ['config 33 deep', `{"name": "x", "config": ${nested(33)}}`, 'config'],
  ['config 6,000 deep', `{"name": "x", "config": ${nested(6000)}}`, 'config'],
  [
    'lists 25,000 deep',
    `{"name": "x", "config": {"a": ${'['.repeat(25_000)}${']'.repeat(25_000)}}}`,
    'config',
  ],
  ['config that is a list', '{"name": "x", "config": []}', 'config'],
  ['config that is null', '{"name": "x", "config": null}', 'config'],
  ['config that is a text', '{"name": "x", "config": "{}"}', 'config'],
  ['__proto__ in config', '{"name": "x", "config": {"__proto__": {"isAdmin": true}}}', ''],
  ['__proto__ beside the name', '{"name": "x", "__proto__": {"read_only": true}}', ''],
  ['a poisoned constructor', '{"name": "x", "config": {"constructor": {"prototype": {"a": 1}}}}', ''],
  ['a life of no seconds', '{"name": "x", "expires_in": 0}', 'expires_in'],
  ['a life of less', '{"name": "x", "expires_in": -1}', 'expires_in'],
  ['half a second', '{"name": "x", "expires_in": 0.5}', 'expires_in'],
  ['a second more than 366 days', `{"name": "x", "expires_in": ${366 * 86_400 + 1}}`, 'expires_in'],
  ['an endless number of seconds', '{"name": "x", "expires_in": 1e308}', 'expires_in'],
  ['seconds as a text', '{"name": "x", "expires_in": "60"}', 'expires_in'],
  ['an end and none', '{"name": "x", "expires_in": 60, "never_expires": true}', 'expires_in'],
  ['never_expires as a text', '{"name": "x", "never_expires": "true"}', 'never_expires'],
  ['read_only as a number', '{"name": "x", "read_only": 1}', 'read_only'],
  ['a key that signs JWTs', '{"name": "x", "jwt": true}', 'jwt'],
  ['"inherit" beside a right', '{"name": "x", "scopes": ["inherit", "rspy-user"]}', 'scopes'],
  ['"inherit" twice', '{"name": "x", "scopes": ["inherit", "inherit"]}', 'scopes'],
  ['every right at once', '{"name": "x", "scopes": ["*"]}', 'scopes'],
  ['every right beside another', '{"name": "x", "scopes": ["rspy-user", "*"]}', 'scopes'],
  ['scopes as a text', '{"name": "x", "scopes": "rspy-user"}', 'scopes'],
  ['an empty scope', '{"name": "x", "scopes": [""]}', 'scopes.0'],
  ['NUL in a scope', '{"name": "x", "scopes": ["a\\u0000"]}', 'scopes.0'],
  [
    '101 scopes',
    JSON.stringify({ name: 'x', scopes: Array.from({ length: 101 }, (_, at) => `s${at}`) }),
    'scopes',
  ],
])('%s is refused by the name of the member', async (_what, body, path) => {
  expectInvalid(await ask.raw('alice', 'POST', '/api-keys', body), path)
})

test.each([
  'https://example.org',
  'example.org/path',
  '*',
  '*.',
  'a.*.org',
  '-a.org',
  'a-.org',
  'a..org',
  'exa mple.org',
  'example.org:',
  'example.org:123456',
  'müller.example',
  '',
  `${'a'.repeat(64)}.org`,
  `${'a.'.repeat(130)}org`,
])('the referer "%s" is no host', async (host) => {
  expectInvalid(
    await ask.as('alice', 'POST', '/api-keys', { name: 'x', allowed_referers: ['good.example', host] }),
    'allowed_referers.1',
  )
})

test.each([
  'localhost',
  '10.0.0',
  '10.0.0.256',
  '010.0.0.1',
  '10.0.0.0/33',
  '10.0.0.0/',
  '10.0.0.0/8/8',
  '10.0.0.0/-1',
  '::/129',
  'fe80::1%eth0',
  '10.0.0.0-10.0.0.9',
  ' 10.0.0.1',
  '',
])('the address "%s" is neither an address nor a range', async (range) => {
  expectInvalid(
    await ask.as('alice', 'POST', '/api-keys', { name: 'x', allowed_ips: ['10.0.0.1', range] }),
    'allowed_ips.1',
  )
})

test.each([
  ['allowed_referers', Array.from({ length: 21 }, (_, at) => `h${at}.example`)],
  ['allowed_referers', ['a.example', 'a.example']],
  ['allowed_ips', Array.from({ length: 51 }, (_, at) => `10.0.0.${at}`)],
  ['allowed_ips', ['10.0.0.1', '10.0.0.1']],
])('%s has bounds and no repetitions', async (member, list) => {
  expectInvalid(await ask.as('alice', 'POST', '/api-keys', { name: 'x', [member]: list }), member)
})

test.each([
  ['owner', { subject: 'bob' }],
  ['owner_subject', 'bob'],
  ['kind', 'server'],
  ['id', 'aaaaaaaa'],
  ['value', 'lk_aaaaaaaa_x'],
  ['roles', ['latchkey-admin']],
  ['groups', ['everything']],
  ['services', ['everything']],
  ['limits', { per_day: 1 }],
  ['usage', { total: 0 }],
  ['enabled', true],
  ['expires_at', '2030-01-01T00:00:00Z'],
  ['Name', 'x'],
])('a client cannot set %s', async (member, value) => {
  expectInvalid(await ask.as('alice', 'POST', '/api-keys', { name: 'x', [member]: value }), member)
})

test('every fault is told at once', async () => {
  const wanted = { name: '', note: 7, allowed_ips: ['x'], extra: 1 }

  expectInvalid(await ask.as('alice', 'POST', '/api-keys', wanted), 'name', 'note', 'allowed_ips.0', 'extra')
})

test('rights that the owner does not have are refused, and named without the others', async () => {
  const answer = await ask.as('bob', 'POST', '/api-keys', {
    name: 'x',
    scopes: ['rspy-user', 'latchkey-admin', 'latchkey:catalog_write'],
  })

  expectProblem(answer, 403, 'insufficient_scope')
  expect(answer.json.detail).toContain('latchkey-admin, latchkey:catalog_write')
  expect(answer.json.detail).not.toContain('rspy-user')
})

test('an older token with more rights does not bring them back', async () => {
  const token = async (roles: string[], iat: number) =>
    service.as('alice', { claims: { sub: 'demoted', realm_access: { roles }, iat } })
  const now = Math.floor(service.clock.now() / 1000)
  const make = async (headers: object, payload: object) =>
    service.inject({ method: 'POST', url: '/api-keys', headers: { ...headers }, payload })
  const { json: own } = await make(await token(['reader'], now), { name: 'own' })
  rows = await ask.countRows()

  const answer = await make(await token(['reader', 'editor'], now - 60), { name: 'x', scopes: ['editor'] })

  expectProblem(answer, 403, 'insufficient_scope')
  expect((await ask.with(own.value)).json.roles).not.toContain('editor')
})

test('a name that one of the owner’s keys has is taken, and only for that owner', async () => {
  expectProblem(await ask.as('alice', 'POST', '/api-keys', { name: 'taken' }), 409, 'name_taken')

  const { id } = await service.createKey('bob', { name: 'taken' })
  await ask.as('bob', 'DELETE', `/api-keys/${id}`)
  rows = await ask.countRows()
})

test.each(['text/plain', 'application/x-www-form-urlencoded', 'application/xml', 'multipart/form-data'])(
  'a body of %s is not read',
  async (type) => {
    const form = await ask.raw('alice', 'POST', '/api-keys', 'name=form', type)
    const json = await ask.raw('alice', 'POST', '/api-keys', '{"name":"text"}', type)

    expectProblem(form, 415, 'unsupported_media_type')
    expectProblem(json, 415, 'unsupported_media_type')
  },
)

test('a body of more than 64 KiB is not read', async () => {
  const answer = await ask.raw('alice', 'POST', '/api-keys', `{"name": "${'x'.repeat(70_000)}"}`)

  expectProblem(answer, 413, 'payload_too_large')
})

test('nobody makes a key without a credential', async () => {
  const answer = await service.inject({ method: 'POST', url: '/api-keys', payload: { name: 'x' } })

  expectProblem(answer, 401, 'not_authenticated')
  expect(answer.json.detail).toBe('Not authenticated')
})
