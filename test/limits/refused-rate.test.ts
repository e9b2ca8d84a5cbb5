import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { newKeyId, newValue } from '../../src/keys/value.js'
import { type CreatedKey, startService, type TestService } from '../support/service.js'

let service: TestService
let cached: CreatedKey
beforeAll(async () => {
  service = await startService({
    REFUSED_RATE_PER_MINUTE: '3',
    TRUST_PROXY: '127.0.0.1',
    MAX_KEYS_PER_USER: '1000',
  })
  service.clock.freeze('2029-01-01T00:00:00.000Z')
  cached = await service.createKey('alice', { never_expires: true })
})
afterAll(() => service.close())
beforeEach(() => service.clock.advance(3_600_000))

/** Well formed, and of no key: only the store can tell. */
const unknownValue = () => newValue('lk', newKeyId(randomBytes), randomBytes)
const use = (value: string, remoteAddress = '192.0.2.1', url = '/me') =>
  service.inject({ url, headers: { 'x-api-key': value }, remoteAddress })

async function spend(address = '192.0.2.1') {
  for (let refusals = 0; refusals < 3; refusals += 1) {
    expect((await use(unknownValue(), address)).status).toBe(401)
  }
}

test('after three refused values an address must wait with new ones', async () => {
  await spend()
  const answer = await use(unknownValue())

  expect(answer.status).toBe(429)
  expect(answer.json.code).toBe('rate_limited')
  expect(answer.headers['retry-after']).toBe('60')
  expect(answer.headers).not.toHaveProperty('www-authenticate')
})

test('the keys in use behind that address go on, on every route', async () => {
  expect((await use(cached.value)).status).toBe(200)
  await spend()

  for (let calls = 0; calls < 10; calls += 1) expect((await use(cached.value)).status).toBe(200)
  expect((await use(cached.value, '192.0.2.1', '/catalog/collections')).status).toBe(200)
  service.clock.advance(10_000)
  expect((await use(cached.value)).status).toBe(200)
})

test('a good key that was not seen before waits as well, and works after a minute', async () => {
  const fresh = await service.createKey('alice')
  await spend()
  expect((await use(fresh.value)).status).toBe(429)

  service.clock.advance(60_000)
  expect((await use(fresh.value)).status).toBe(200)
  expect((await use(unknownValue())).status).toBe(401)
})

test('other addresses are not held up', async () => {
  await spend()

  expect((await use(unknownValue(), '192.0.2.2')).status).toBe(401)
})

test('a network of IPv6 counts as one address, the next one as another', async () => {
  await spend('2001:db8:0:1::1')

  expect((await use(unknownValue(), '2001:db8:0:1:ffff::9')).status).toBe(429)
  expect((await use(unknownValue(), '2001:db8:0:2::1')).status).toBe(401)
})

test('IPv4 written as IPv6 is the same address', async () => {
  await spend('192.0.2.1')

  expect((await use(unknownValue(), '::ffff:192.0.2.1')).status).toBe(429)
})

test('an attacker cannot escape by a header, nor shut out others by it', async () => {
  const attack = (forwardedFor: string) =>
    service.inject({
      url: '/me',
      remoteAddress: '198.51.100.1',
      headers: { 'x-api-key': unknownValue(), 'x-forwarded-for': forwardedFor },
    })
  for (let refusals = 0; refusals < 3; refusals += 1) await attack('192.0.2.1')

  expect((await attack('192.0.2.99')).status).toBe(429)
  expect((await use(unknownValue(), '192.0.2.1')).status).toBe(401)
})

test('refused tokens count too, and hold up tokens not seen before', async () => {
  const authorization = `Bearer ${await service.token()}`
  const call = (headers: Record<string, string>) =>
    service.inject({ url: '/me', headers, remoteAddress: '192.0.2.1' })
  expect((await call({ authorization })).status).toBe(200)
  for (let refusals = 0; refusals < 3; refusals += 1) {
    const expired = `Bearer ${await service.token({ lifetimeSeconds: -60 })}`
    expect((await call({ authorization: expired })).status).toBe(401)
  }

  expect((await call(await service.as('bob'))).status).toBe(429)
  expect((await call({ authorization })).status).toBe(200)
  expect((await use(unknownValue())).status).toBe(429)
})

test('what can be told wrong by its shape costs nothing, and holds up nobody', async () => {
  const fresh = await service.createKey('alice')
  for (let calls = 0; calls < 10; calls += 1) {
    for (const value of ['x', 'lk_', `${fresh.value}x`, `${fresh.value.slice(0, -1)}!`]) {
      expect((await use(value)).status).toBe(401)
    }
  }

  expect((await use(fresh.value)).status).toBe(200)
})

test('refused by address, scope or method is not refused as a credential', async () => {
  const bound = await service.createKey('alice', { allowed_ips: ['203.0.113.1'] })
  for (let calls = 0; calls < 5; calls += 1) expect((await use(bound.value)).status).toBe(403)

  expect((await use(unknownValue())).status).toBe(401)
})

test('the switch turns it off', async () => {
  const unlimited = await startService({ REFUSED_RATE_PER_MINUTE: 'off' })
  for (let calls = 0; calls < 100; calls += 1) {
    const answer = await unlimited.inject({ url: '/me', headers: { 'x-api-key': unknownValue() } })
    expect(answer.status).toBe(401)
  }
  await unlimited.close()
})
