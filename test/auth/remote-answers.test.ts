import { randomBytes } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { newKeyId, newValue } from '../../src/keys/value.js'
import { type Relay, startRelay } from '../support/relay.js'
import { remoteApp } from '../support/remote-app.js'
import { startService, type TestService } from '../support/service.js'

let service: TestService
let relay: Relay
let app: FastifyInstance
beforeAll(async () => {
  service = await startService({ MAX_KEYS_PER_USER: '1000' })
  service.clock.freeze('2030-01-01T00:00:00.000Z')
  relay = await startRelay(service.url)
  app = await remoteApp(service, relay.url, undefined, { timeoutMs: 10_000 })
})
afterAll(async () => {
  await app.close()
  await relay.close()
  await service.close()
})
beforeEach(() => {
  relay.answerInstead = undefined
  service.clock.advance(3_600_000)
})

const unknownValue = () => newValue('lk', newKeyId(randomBytes), randomBytes)
const use = (value: string, where = app) => where.inject({ url: '/', headers: { 'x-api-key': value } })

type Answerer = (response: ServerResponse) => void
const send =
  (status: number, body: string, headers: Record<string, string> = {}): Answerer =>
  (response) =>
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body)

const principal = {
  subject: 'x',
  login: 'mallory',
  name: null,
  email: null,
  kind: 'user',
  via: 'api-key',
  roles: [],
  scopes: [],
  attributes: {},
  config: {},
  key_id: 'abcdefgh',
}
const bounds = {
  read_only: false,
  allowed_referers: null,
  allowed_ips: null,
  expires_at: null,
  valid_until: null,
}
const yes = { valid: true, principal, bounds, cache_seconds: 5, stale_if_error_seconds: 60 }
const told = (change: object): Answerer => send(200, JSON.stringify({ ...yes, ...change }))
const { key_id: _id, ...anonymous } = principal

test('the answer that the others are changed from is a yes', async () => {
  relay.answerInstead = told({})

  const answer = await use(unknownValue())

  expect(answer.statusCode).toBe(200)
  expect(answer.json().principal).toMatchObject({ login: 'mallory', keyId: 'abcdefgh' })
})

test('an answer that says more than is known here is read for what is known', async () => {
  relay.answerInstead = told({ news: 1, bounds: { ...bounds, news: 1 } })

  expect((await use(unknownValue())).statusCode).toBe(200)
})

describe('an odd answer is never a yes, and no refusal either', () => {
  test.each<[string, Answerer]>([
    ['a hang-up', (response) => response.socket?.destroy()],
    ['a page of a proxy', send(200, '<html>It works!</html>', { 'content-type': 'text/html' })],
    ['half a verdict', send(200, JSON.stringify(yes).slice(0, -20))],
    ['nothing', send(200, '')],
    ['null', send(200, 'null')],
    ['a list', send(200, JSON.stringify([yes]))],
    ['true', send(200, 'true')],
    ['only that it is valid', send(200, '{"valid":true}')],
    ['a status of another success', send(204, '')],
    ['a verdict under another success', send(201, JSON.stringify(yes))],
    ['a status 401', send(401, JSON.stringify(yes))],
    ['a status 404', send(404, JSON.stringify(yes))],
    ['a status 500', send(500, JSON.stringify(yes))],
    ['a status 503', send(503, JSON.stringify(yes), { 'retry-after': '5' })],
    ['valid as a word', told({ valid: 'true' })],
    ['valid as a number', told({ valid: 1 })],
    ['valid with a reason against it', told({ code: 'read_only_key' })],
    ['invalid without a reason', told({ valid: false })],
    ['invalid for a reason nobody knows', told({ valid: false, code: 'not_today' })],
    ['a spent quota where there is no limit', told({ valid: false, code: 'quota_exceeded' })],
    ['authorised nowhere, and valid', told({ bounds: { ...bounds, authorized_here: false } })],
    ['no principal', told({ principal: undefined })],
    ['a principal without its key', told({ principal: anonymous })],
    ['a principal of another kind', told({ principal: { ...principal, kind: 'robot' } })],
    ['rights that are no list', told({ principal: { ...principal, scopes: 'admin' } })],
    ['no bounds', told({ bounds: undefined })],
    ['bounds that leave out the addresses', told({ bounds: { ...bounds, allowed_ips: undefined } })],
    ['an address that is none', told({ bounds: { ...bounds, allowed_ips: ['somewhere'] } })],
    ['a range that is none', told({ bounds: { ...bounds, allowed_ips: ['192.0.2.0/99'] } })],
    ['read-only as a word', told({ bounds: { ...bounds, read_only: 'no' } })],
    ['an end that is no time', told({ bounds: { ...bounds, expires_at: 'never' } })],
    ['an end on a day that is none', told({ bounds: { ...bounds, expires_at: '2031-02-31T99:00:00Z' } })],
    ['no time to remember it', told({ cache_seconds: undefined })],
    ['a negative time to remember it', told({ cache_seconds: -1 })],
    ['an endless time to remember it', send(200, JSON.stringify(yes).replace(':5,', ':1e999,'))],
    ['a time as a word', told({ stale_if_error_seconds: '60' })],
  ])('%s', async (_what, answerInstead) => {
    relay.answerInstead = answerInstead
    const answer = await use(unknownValue())

    expect(answer.statusCode).toBe(503)
    expect(answer.json().code).toBe('unavailable')
    expect(answer.body).not.toContain('mallory')
  })

  test.each<[string, Answerer]>([
    ['no answer', () => {}],
    ['a head without an end', (response) => void response.writeHead(200).write('{"valid":')],
  ])('%s in time', async (_what, answerInstead) => {
    const impatient = await remoteApp(service, relay.url, undefined, { timeoutMs: 200 })
    relay.answerInstead = answerInstead

    const answer = await use(unknownValue(), impatient)
    await impatient.close()

    expect(answer.statusCode).toBe(503)
  })

  test('a redirect is not followed, and the value not sent on', async () => {
    const other = await startRelay(service.url)
    const { value } = await service.createKey('alice')
    for (const status of [301, 302, 307, 308]) {
      relay.answerInstead = send(status, '', { location: `${other.url}/api-keys/verify` })
      service.clock.advance(2000)

      expect((await use(value)).statusCode).toBe(503)
    }
    expect(other.asked).toEqual([])
    await other.close()
  })

  test.each<[string, Answerer]>([
    ['a page of a proxy', send(200, '<html>')],
    ['a status 500', send(500, '{}')],
    ['a verdict without bounds', told({ bounds: undefined })],
  ])('to a key in use, what is remembered goes on: %s', async (_what, answerInstead) => {
    const { value } = await service.createKey('alice')
    expect((await use(value)).statusCode).toBe(200)
    relay.answerInstead = answerInstead
    service.clock.advance(30_000)

    const answer = await use(value)

    expect(answer.statusCode).toBe(200)
    expect(answer.json().principal.login).toBe('alice')
  })
})

describe('a verdict that may not be remembered', () => {
  test('is asked for with each call', async () => {
    relay.answerInstead = told({ cache_seconds: 0 })
    relay.asked.length = 0
    const value = unknownValue()

    for (let calls = 0; calls < 3; calls += 1) expect((await use(value)).statusCode).toBe(200)

    expect(relay.asked).toHaveLength(3)
  })

  test('does not serve where Latchkey is away, unless it says so', async () => {
    const value = unknownValue()
    relay.answerInstead = told({ cache_seconds: 0, stale_if_error_seconds: 0 })
    expect((await use(value)).statusCode).toBe(200)
    relay.answerInstead = (response) => response.socket?.destroy()

    expect((await use(value)).statusCode).toBe(503)
  })
})

describe('an answer that this service asks too much', () => {
  const tooMany = (headers: Record<string, string>) => send(429, '{}', headers)

  test.each([
    ['as it says', { 'retry-after': '17' }, '17'],
    ['five seconds where it does not say', {}, '5'],
    ['five seconds where it says nothing sensible', { 'retry-after': 'tomorrow' }, '5'],
    ['five seconds where it says years', { 'retry-after': '99999999' }, '5'],
  ])('lets the caller wait %s', async (_how, headers, seconds) => {
    relay.answerInstead = tooMany({ ...headers } as Record<string, string>)

    const answer = await use(unknownValue())

    expect(answer.statusCode).toBe(429)
    expect(answer.json().code).toBe('rate_limited')
    expect(answer.headers['retry-after']).toBe(seconds)
  })

  test('stops no key whose verdict is fresh, and no question about another', async () => {
    const { value } = await service.createKey('alice')
    expect((await use(value)).statusCode).toBe(200)
    relay.answerInstead = tooMany({})
    service.clock.advance(4000)

    expect((await use(unknownValue())).statusCode).toBe(429)
    expect((await use(value)).statusCode).toBe(200)
    relay.answerInstead = undefined
    expect((await use(unknownValue())).statusCode).toBe(401)
  })
})

test('a key whose question must wait is not told yes from old knowledge: it may have been revoked', async () => {
  const { value } = await service.createKey('alice')
  expect((await use(value)).statusCode).toBe(200)
  relay.answerInstead = (response) => response.writeHead(429, { 'retry-after': '7' }).end()
  service.clock.advance(30_000)

  const answer = await use(value)

  expect(answer.statusCode).toBe(429)
  expect(answer.headers['retry-after']).toBe('7')
})

test.each([400, 503])('a problem %i about one value is an outage for no other', async (status) => {
  const { value } = await service.createKey('alice')
  const fresh = await service.createKey('alice')
  expect((await use(value)).statusCode).toBe(200)
  service.clock.advance(30_000)
  relay.answerInstead = (response) =>
    response.writeHead(status, { 'content-type': 'application/problem+json' }).end('{}')
  expect((await use(unknownValue())).statusCode).toBe(503)
  expect((await use(value)).statusCode).toBe(200)
  relay.answerInstead = undefined

  expect((await use(fresh.value)).statusCode).toBe(200)
  expect((await use(unknownValue())).statusCode).toBe(401)
})

test('an origin that is no host of the world is not passed on, and makes nobody else wait', async () => {
  const { value } = await service.createKey('alice')
  const origin = `http://${'a'.repeat(9000)}`
  const odd = await app.inject({ url: '/', headers: { 'x-api-key': unknownValue(), origin } })

  expect(odd.statusCode).toBe(401)
  expect((await use(value)).statusCode).toBe(200)
})

test('whoever hears of outages cannot make the hook ask without a pause', async () => {
  const deaf = await remoteApp(service, relay.url, undefined, {
    onUnavailable: () => {
      throw new Error('the listener fails')
    },
  })
  relay.answerInstead = (response) => response.destroy()
  relay.asked.length = 0

  for (let count = 0; count < 20; count += 1) expect((await use(unknownValue(), deaf)).statusCode).toBe(503)

  expect(relay.asked.length).toBeLessThanOrEqual(2)
  await deaf.close()
})

test('who presents too many wrong values must wait here, before Latchkey hears of more', async () => {
  const limited = await remoteApp(service, relay.url, undefined, { refusedPerMinute: 3 })
  const { value } = await service.createKey('alice')
  const fresh = await service.createKey('alice')
  expect((await use(value, limited)).statusCode).toBe(200)
  for (let wrong = 0; wrong < 3; wrong += 1) expect((await use(unknownValue(), limited)).statusCode).toBe(401)
  relay.asked.length = 0

  const unknown = await use(unknownValue(), limited)
  const known = await use(value, limited)
  const elsewhere = await limited.inject({
    url: '/',
    headers: { 'x-api-key': fresh.value },
    remoteAddress: '192.0.2.1',
  })

  expect(unknown.statusCode).toBe(429)
  expect(unknown.headers['retry-after']).toBe('60')
  expect(known.statusCode).toBe(200)
  expect(elsewhere.statusCode).toBe(200)
  expect(relay.asked).toHaveLength(1)
  await limited.close()
})

test('a path of the url of Latchkey is kept', async () => {
  const below = await remoteApp(service, `${relay.url}/some/path/`)
  relay.answerInstead = told({})
  relay.asked.length = 0

  expect((await use(unknownValue(), below)).statusCode).toBe(200)

  expect(relay.asked[0]?.url).toBe('/some/path/api-keys/verify')
  await below.close()
})
