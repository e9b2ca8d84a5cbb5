import { randomBytes } from 'node:crypto'
import type { FastifyInstance, InjectOptions } from 'fastify'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createRemoteAuth } from '../../src/auth/index.js'
import { newKeyId, newValue } from '../../src/keys/value.js'
import { guardedApp, type Probe } from '../support/guarded-app.js'
import { type Relay, startRelay } from '../support/relay.js'
import { remoteApp } from '../support/remote-app.js'
import { startService, type TestService } from '../support/service.js'

let service: TestService
let relay: Relay
let here: FastifyInstance
let elsewhere: FastifyInstance

const probes: Probe[] = [
  { access: {} },
  { access: {}, method: 'POST' },
  { access: { scopes: ['rspy-user', 'latchkey:catalog_read'] }, url: '/scoped' },
  { access: { by: 'login' }, url: '/login' },
  { access: { by: 'login-or-itself' }, url: '/keys/:id' },
  { access: { allowQueryKey: true }, url: '/query' },
  { access: { readOnlyKeys: 'may-write' }, url: '/search', method: 'POST' },
]

beforeAll(async () => {
  service = await startService({ MAX_KEYS_PER_USER: '1000' })
  service.clock.freeze('2030-01-01T00:00:00.000Z')
  relay = await startRelay(service.url)
  here = await guardedApp(service, probes)
  elsewhere = await remoteApp(service, relay.url, probes)
})
afterAll(async () => {
  await here.close()
  await elsewhere.close()
  await relay.close()
  await service.close()
})
beforeEach(() => {
  service.clock.advance(3_600_000)
  relay.asked.length = 0
})

const aKey = (wanted?: Record<string, unknown>) => service.createKey('alice', wanted)

/** What a caller gets, but for what no two answers share. */
async function outcome(app: FastifyInstance, call: InjectOptions) {
  const { statusCode, headers, body } = await app.inject(call)
  const { date, 'content-length': _length, ...others } = headers
  const { requestId, headers: _seen, rawHeaders, ...told } = JSON.parse(body)
  expect(date).toBeDefined()
  return { statusCode, headers: others, told }
}

describe('a service elsewhere answers exactly as one here', () => {
  const day = 86_400
  const cases: [string, Record<string, unknown>, InjectOptions, number][] = [
    ['to a good key', {}, {}, 200],
    ['to a key that ends soon, with a notice', { expires_in: day }, {}, 200],
    ['to a key that never ends', { never_expires: true }, {}, 200],
    ['to a key with config and few rights', { config: { a: [1] }, scopes: ['rspy-user'] }, {}, 200],
    ['to a read-only key that reads', { read_only: true }, {}, 200],
    ['to a read-only key that writes', { read_only: true }, { method: 'POST' }, 403],
    ['to a read-only key where it may write', { read_only: true }, { method: 'POST', url: '/search' }, 200],
    ['to a key from its address', { allowed_ips: ['192.0.2.0/24'] }, { remoteAddress: '192.0.2.9' }, 200],
    ['to a key from another address', { allowed_ips: ['192.0.2.0/24'] }, { remoteAddress: '192.0.3.9' }, 403],
    [
      'to a key from its page',
      { allowed_referers: ['*.a.example'] },
      { headers: { referer: 'https://b.a.example/x?y' } },
      200,
    ],
    ['to a key from no page', { allowed_referers: ['a.example'] }, {}, 403],
    [
      'to a key from a page that names itself twice',
      { allowed_referers: ['a.example'] },
      { headers: { origin: 'https://evil.example', referer: 'https://a.example/' } },
      403,
    ],
    ['to a key with the rights', {}, { url: '/scoped' }, 200],
    ['to a key without one of the rights', { scopes: ['rspy-user'] }, { url: '/scoped' }, 403],
    ['to a key where a login is asked for', {}, { url: '/login' }, 403],
    ['to a key that names another', {}, { url: '/keys/another' }, 403],
    ['to a key where no route is', {}, { url: '/nowhere' }, 404],
    ['to a key presented twice', {}, { headers: { authorization: 'broken' } }, 400],
  ]
  test.each(cases)('%s', async (_to, wanted, call, status) => {
    const { value } = await aKey(wanted)
    const whole = { url: '/', ...call, headers: { ...call.headers, 'x-api-key': value } }

    const local = await outcome(here, whole)
    const remote = await outcome(elsewhere, whole)

    expect(local.statusCode).toBe(status)
    expect(remote).toEqual(local)
  })

  test.each<[string, (value: string) => InjectOptions, number]>([
    ['without a credential', () => ({ url: '/' }), 401],
    ['to a key as a bearer', (value) => ({ url: '/', headers: { authorization: `Bearer ${value}` } }), 200],
    ['to a key as Apikey', (value) => ({ url: '/', headers: { authorization: `aPiKey ${value}` } }), 200],
    ['to a key in the URL, where it may be', (value) => ({ url: `/query?api_key=${value}&a=1` }), 200],
    ['to a key in the URL, where it may not', (value) => ({ url: `/?api_key=${value}` }), 401],
    ['to something of another shape', () => ({ url: '/', headers: { 'x-api-key': 'lk_x' } }), 401],
    ['to an unknown value', () => ({ url: '/', headers: { 'x-api-key': unknownValue() } }), 401],
  ])('%s', async (_to, makeCall, status) => {
    const { value } = await aKey()
    const call = makeCall(value)

    const local = await outcome(here, call)
    const remote = await outcome(elsewhere, call)

    expect(local.statusCode).toBe(status)
    expect(remote).toEqual(local)
  })

  test('to a token, which is verified there and asked about nowhere', async () => {
    const good = { url: '/scoped', headers: await service.as('alice') }
    const foreign = {
      url: '/',
      headers: await service.as('alice', { claims: { aud: 'another' }, clientId: 'another' }),
    }

    const [local, remote] = [await outcome(here, good), await outcome(elsewhere, good)]
    const [localNo, remoteNo] = [await outcome(here, foreign), await outcome(elsewhere, foreign)]

    expect(local.statusCode).toBe(200)
    expect(localNo.statusCode).toBe(401)
    expect(remote).toEqual(local)
    expect(remoteNo).toEqual(localNo)
    expect(relay.asked).toEqual([])
  })

  test('to a token of a client, which is accepted by its azp only where the parties name it', async () => {
    const call = {
      url: '/',
      headers: await service.as('alice', { claims: { aud: 'another-api' }, clientId: 'portal' }),
    }
    const named = await remoteApp(service, service.url, [{ access: {} }], { authorizedParties: ['portal'] })
    const asAudience = await remoteApp(service, service.url, [{ access: {} }], { audiences: ['portal'] })

    expect((await outcome(elsewhere, call)).statusCode).toBe(401)
    expect((await outcome(asAudience, call)).statusCode).toBe(401)
    expect((await outcome(named, call)).statusCode).toBe(200)
    await Promise.all([named.close(), asAudience.close()])
  })

  test('to an earlier value within its grace, and after it to the second', async () => {
    const { id, value } = await aKey()
    await service.inject({
      method: 'POST',
      url: `/api-keys/${id}/rotate`,
      headers: await service.as('alice'),
      payload: { grace_seconds: 3 },
    })
    const call = { url: '/', headers: { 'x-api-key': value } }
    expect(await outcome(elsewhere, call)).toEqual(await outcome(here, call))

    service.clock.advance(2999)
    const last = await outcome(elsewhere, call)
    service.clock.advance(1)
    const after = await outcome(elsewhere, call)

    expect([last.statusCode, after.statusCode]).toEqual([200, 401])
  })
})

const unknownValue = () => newValue('lk', newKeyId(randomBytes), randomBytes)

test('a key is refused from the second on in which it ends, though its verdict is remembered', async () => {
  const { value } = await aKey({ expires_in: 2 })
  const call = { url: '/', headers: { 'x-api-key': value } }
  expect((await elsewhere.inject(call)).statusCode).toBe(200)
  relay.answerInstead = (response) => response.socket?.destroy()

  service.clock.advance(1999)
  const last = await elsewhere.inject(call)
  service.clock.advance(1)
  const after = await elsewhere.inject(call)
  relay.answerInstead = undefined

  expect(last.statusCode).toBe(200)
  expect(after.statusCode).not.toBe(200)
})

test('what is asked is the value and the call, and nothing else that the client sent', async () => {
  const { value } = await aKey()

  await elsewhere.inject({
    url: '/query?secret=query',
    remoteAddress: '192.0.2.7',
    headers: {
      'x-api-key': value,
      referer: 'https://portal.example/private?token=1',
      cookie: 'a=b',
      'user-agent': 'x',
    },
  })

  expect(relay.asked).toHaveLength(1)
  expect(relay.asked[0]).toMatchObject({ method: 'POST', url: '/api-keys/verify' })
  expect(relay.asked[0]?.body).toEqual({
    value,
    method: 'GET',
    client_ip: '192.0.2.7',
    referer: 'https://portal.example',
  })
  expect(relay.asked[0]?.headers).toMatchObject({ 'user-agent': 'latchkey-auth' })
  expect(relay.asked[0]?.headers).not.toHaveProperty('cookie')
})

test.each<[string, InjectOptions]>([
  ['a referer that is endless', { headers: { referer: `https://a.example/${'x'.repeat(9000)}` } }],
  ['an origin that is no URL', { headers: { origin: 'null' } }],
  ['an address of this link', { remoteAddress: 'fe80::1%eth0' }],
  ['an address that is none', { remoteAddress: 'unknown' }],
])('%s does not spoil the question', async (_what, call) => {
  const { value } = await aKey()

  const answer = await elsewhere.inject({
    url: '/',
    ...call,
    headers: { ...call.headers, 'x-api-key': value },
  })

  expect(answer.statusCode).toBe(200)
})

test.each([
  ['another shape', 'lk_not-a-key'],
  ['a wrong checksum', `${unknownValue().slice(0, -1)}!`],
  ['a secret that is too long', `${unknownValue()}x`],
])('a value of %s is refused without asking', async (_kind, value) => {
  const answer = await elsewhere.inject({ url: '/', headers: { 'x-api-key': value } })

  expect(answer.statusCode).toBe(401)
  expect(relay.asked).toEqual([])
})

test.each([
  ['another shape', 'not-a-key'],
  ['another prefix', newValue('zz', newKeyId(randomBytes), randomBytes)],
])('a value of %s may have been imported: it is asked about once, and refused', async (_kind, value) => {
  for (let calls = 0; calls < 3; calls += 1) {
    const answer = await elsewhere.inject({ url: '/', headers: { 'x-api-key': value } })
    expect(answer.statusCode).toBe(401)
  }

  expect(relay.asked).toHaveLength(1)
})

test('a key is accepted as its id and its secret', async () => {
  const { id, value } = await aKey()
  const basic = (secret: string) => `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`

  const [byPart, byValue, wrong] = await Promise.all(
    [value.slice(-49), value, value.slice(-48)].map((secret) =>
      elsewhere.inject({ url: '/', headers: { authorization: basic(secret) } }),
    ),
  )

  expect([byPart?.statusCode, byValue?.statusCode, wrong?.statusCode]).toEqual([200, 200, 401])
})

describe('a hook that could not work stops the start', () => {
  test.each<[string, object, RegExp]>([
    ['without options', {}, /createRemoteAuth/],
    [
      'without a verifier of keys',
      { keyPrefix: 'lk', verifyToken: () => ({ kind: 'refused' }) },
      /verifyKey/,
    ],
    [
      'without a verifier of tokens',
      { keyPrefix: 'lk', verifyKey: () => ({ kind: 'refused' }) },
      /verifyToken/,
    ],
  ])('%s', async (_without, options, sentence) => {
    const overrides = { keyPrefix: undefined, verifyKey: undefined, verifyToken: undefined, ...options }

    await expect(guardedApp(service, [], overrides as object)).rejects.toThrow(sentence)
  })

  const good = { url: 'https://keys.example', issuer: 'https://sso.example/realms/r', audiences: ['a'] }
  test.each<[string, object, RegExp]>([
    ['with a url that is none', { url: 'keys.example' }, /URL/],
    ['with a url of another scheme', { url: 'ftp://keys.example' }, /https/],
    ['with an issuer that is no URL', { issuer: 'realm' }, /URL/],
    ['without an audience', { audiences: [] }, /audiences/],
    ['with one text for the audiences', { audiences: 'my-service' }, /audiences must be a list/],
    ['with an audience without a name', { audiences: ['a', ''] }, /audiences must be a list/],
    ['with one text for the parties', { authorizedParties: 'portal' }, /authorizedParties must be a list/],
  ])('%s', (_with, fault, sentence) => {
    expect(() => createRemoteAuth({ ...good, ...fault })).toThrow(sentence)
  })
})
