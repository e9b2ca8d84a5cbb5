import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { newKeyId, newValue } from '../../src/keys/value.js'
import { type Relay, startRelay } from '../support/relay.js'
import { remoteApp } from '../support/remote-app.js'
import { startService, type TestService } from '../support/service.js'

let service: TestService
let relay: Relay
let app: FastifyInstance
beforeAll(async () => {
  service = await startService({ MAX_KEYS_PER_USER: '1000', VERDICT_MAX_STALE_SECONDS: '60' })
  service.clock.freeze('2030-01-01T00:00:00.000Z')
  relay = await startRelay(service.url)
})
afterAll(async () => {
  await relay.close()
  await service.close()
})
beforeEach(async () => {
  service.clock.advance(3_600_000)
  app = await remoteApp(service, relay.url, undefined, { timeoutMs: 10_000 })
  relay.asked.length = 0
})
afterEach(async () => {
  relay.answerInstead = undefined
  await app.close()
})

const aKey = (wanted?: Record<string, unknown>) => service.createKey('alice', wanted)
const unknownValue = () => newValue('lk', newKeyId(randomBytes), randomBytes)
const use = async (value: string, where = app) =>
  (await where.inject({ url: '/', headers: { 'x-api-key': value } })).statusCode
const revoke = async (id: string) =>
  service.inject({
    method: 'POST',
    url: `/api-keys/${id}/revoke`,
    headers: await service.as('alice'),
    payload: {},
  })
const goAway = () => {
  relay.answerInstead = (response) => response.socket?.destroy()
}
const comeBack = () => {
  relay.answerInstead = undefined
}
/** Until the questions that no call waits for have been asked. */
const questions = (count: number) => expect.poll(() => relay.asked.length).toBe(count)
/** Long enough for a question that should not be there. */
const settle = () => sleep(50)

describe('a verdict is remembered for as long as it says', () => {
  test('calls within its first half ask nothing', async () => {
    const { value } = await aKey()
    expect(await use(value)).toBe(200)

    service.clock.advance(2499)
    for (let calls = 0; calls < 10; calls += 1) expect(await use(value)).toBe(200)
    await settle()

    expect(relay.asked).toHaveLength(1)
  })

  test('in its second half one question goes beside the calls, none of which waits', async () => {
    const { value } = await aKey()
    expect(await use(value)).toBe(200)
    service.clock.advance(2500)
    const release = relay.hold()

    for (let calls = 0; calls < 10; calls += 1) expect(await use(value)).toBe(200)
    await questions(2)
    release()
    await settle()
    service.clock.advance(2499)
    const later = await use(value)

    expect(later).toBe(200)
    expect(relay.asked).toHaveLength(2)
  })

  test('an idle key is asked for again after its time', async () => {
    const { value } = await aKey()
    expect(await use(value)).toBe(200)
    service.clock.advance(5000)

    expect(await use(value)).toBe(200)
    expect(relay.asked).toHaveLength(2)
  })

  test('a revoked key is refused when that time is over', async () => {
    const { id, value } = await aKey()
    expect(await use(value)).toBe(200)
    await revoke(id)

    service.clock.advance(5000)

    expect(await use(value)).toBe(401)
  })

  test('a revoked key in use is refused as soon as the question beside a call was answered', async () => {
    const { id, value } = await aKey()
    expect(await use(value)).toBe(200)
    await revoke(id)
    service.clock.advance(2500)

    expect(await use(value)).toBe(200)

    await expect.poll(() => use(value)).toBe(401)
  })

  test('a refused value is refused without asking, and asked for again after its time', async () => {
    const value = unknownValue()
    expect(await use(value)).toBe(401)
    service.clock.advance(4999)
    expect(await use(value)).toBe(401)
    expect(relay.asked).toHaveLength(1)

    service.clock.advance(1)

    expect(await use(value)).toBe(401)
    expect(relay.asked).toHaveLength(2)
  })

  test('a verdict counts from the question, however late its answer came', async () => {
    const { value } = await aKey()
    const release = relay.hold()
    const first = use(value)
    await questions(1)
    service.clock.advance(4000)
    release()
    expect(await first).toBe(200)

    service.clock.advance(1000)
    expect(await use(value)).toBe(200)

    expect(relay.asked).toHaveLength(2)
  })

  test('calls with one value that come at once share one question', async () => {
    const { value } = await aKey()

    const answers = await Promise.all(Array.from({ length: 50 }, () => use(value)))

    expect(new Set(answers)).toEqual(new Set([200]))
    expect(relay.asked).toHaveLength(1)
  })

  test('calls that share a question are each judged by themselves', async () => {
    const { value } = await aKey({ read_only: true, allowed_ips: ['192.0.2.7'] })
    const from = (remoteAddress: string) =>
      app.inject({ url: '/', headers: { 'x-api-key': value }, remoteAddress })

    const [refused, accepted] = await Promise.all([from('192.0.2.8'), from('192.0.2.7')])

    expect(refused?.json().code).toBe('address_not_allowed')
    expect(accepted?.statusCode).toBe(200)
    expect(relay.asked).toHaveLength(1)
  })
})

describe('memory is bounded', () => {
  test('of good values the least recent is forgotten first', async () => {
    const small = await remoteApp(service, relay.url, undefined, { maxCached: 2 })
    const values = [(await aKey()).value, (await aKey()).value, (await aKey()).value]
    for (const value of values) expect(await use(value, small)).toBe(200)
    const [first = '', , last = ''] = values
    relay.asked.length = 0

    expect(await use(last, small)).toBe(200)
    const remembered = relay.asked.length
    expect(await use(first, small)).toBe(200)
    const forgotten = relay.asked.length
    await small.close()

    expect([remembered, forgotten]).toEqual([0, 1])
  })

  test('a flood of wrong values pushes no good one out', async () => {
    const small = await remoteApp(service, relay.url, undefined, { maxCached: 2 })
    const { value } = await aKey()
    expect(await use(value, small)).toBe(200)
    for (let wrong = 0; wrong < 10; wrong += 1) expect(await use(unknownValue(), small)).toBe(401)
    relay.asked.length = 0

    expect(await use(value, small)).toBe(200)
    await small.close()

    expect(relay.asked).toEqual([])
  })
})

describe('while Latchkey cannot be asked', () => {
  test('a key in use goes on for as long as its verdict allows, then nobody can tell', async () => {
    const { value } = await aKey()
    expect(await use(value)).toBe(200)
    goAway()

    service.clock.advance(59_999)
    const last = await use(value)
    service.clock.advance(1)
    const after = await app.inject({ url: '/', headers: { 'x-api-key': value } })

    expect(last).toBe(200)
    expect(after.statusCode).toBe(503)
    expect(after.json().code).toBe('unavailable')
    expect(after.headers['retry-after']).toBe('5')
    expect(after.headers).not.toHaveProperty('www-authenticate')
    expect(after.body).not.toMatch(/ECONN|fetch|127\.0\.0\.1|verify/)
  })

  test('a value that it never told of is 503, not refused', async () => {
    goAway()

    expect(await use((await aKey()).value)).toBe(503)
    expect(await use(unknownValue())).toBe(503)
  })

  test('a refused value is not known any more after its time', async () => {
    const value = unknownValue()
    expect(await use(value)).toBe(401)
    goAway()
    service.clock.advance(5000)

    expect(await use(value)).toBe(503)
  })

  test('what binds a key holds on', async () => {
    const { value } = await aKey({ read_only: true, scopes: ['rspy-user'], allowed_ips: ['127.0.0.1'] })
    expect(await use(value)).toBe(200)
    goAway()
    service.clock.advance(30_000)

    const elsewhere = await app.inject({
      url: '/',
      headers: { 'x-api-key': value },
      remoteAddress: '192.0.2.1',
    })

    expect(elsewhere.json().code).toBe('address_not_allowed')
    expect(await use(value)).toBe(200)
  })

  test('it is asked once a second, for all values together', async () => {
    const values = await Promise.all(Array.from({ length: 5 }, async () => (await aKey()).value))
    for (const value of values) expect(await use(value)).toBe(200)
    goAway()
    service.clock.advance(10_000)
    expect(await use(values[0] ?? '')).toBe(200)
    relay.asked.length = 0

    for (const value of [...values, ...values]) expect(await use(value)).toBe(200)
    for (let unknown = 0; unknown < 5; unknown += 1) expect(await use(unknownValue())).toBe(503)
    await settle()
    expect(relay.asked).toHaveLength(0)

    service.clock.advance(1000)
    for (const value of values) expect(await use(value)).toBe(200)
    await settle()
    expect(relay.asked).toHaveLength(1)
  })

  test('keys that it told of do not wait for it, once one question was in vain', async () => {
    const impatient = await remoteApp(service, relay.url, undefined, { timeoutMs: 1000 })
    const { value } = await aKey()
    expect(await use(value, impatient)).toBe(200)
    relay.answerInstead = () => {} // Never: only the time-out ends the question.
    service.clock.advance(10_000)
    expect(await use(value, impatient)).toBe(200)
    service.clock.advance(1000)

    const startedAt = performance.now()
    for (let calls = 0; calls < 5; calls += 1) expect(await use(value, impatient)).toBe(200)
    const tookMs = performance.now() - startedAt
    await impatient.close()

    expect(tookMs).toBeLessThan(900)
  })

  test('an outage of long ago is no reason to go on: a call waits for the question', async () => {
    const { id, value } = await aKey()
    expect(await use(value)).toBe(200)
    goAway()
    expect(await use(unknownValue())).toBe(503)
    await revoke(id)
    comeBack()
    service.clock.advance(10_000)

    expect(await use(value)).toBe(401)
  })

  test('the service hears of it once, until it is asked in vain again', async () => {
    const outages: unknown[] = []
    const told = await remoteApp(service, relay.url, undefined, {
      onUnavailable: (cause) => outages.push(cause),
    })
    const fail = async () => {
      service.clock.advance(1000)
      expect(await use(unknownValue(), told)).toBe(503)
    }
    goAway()
    for (let failures = 0; failures < 3; failures += 1) await fail()
    comeBack()
    service.clock.advance(1000)
    expect(await use(unknownValue(), told)).toBe(401)
    const before = outages.length
    goAway()
    await fail()
    await told.close()

    expect([before, outages.length]).toEqual([1, 2])
    expect(outages[0]).toBeInstanceOf(Error)
  })

  test('after a second it is asked again, and all works again', async () => {
    const { id, value } = await aKey()
    const other = await aKey()
    expect(await use(value)).toBe(200)
    goAway()
    expect(await use(other.value)).toBe(503)
    await revoke(id)
    comeBack()
    expect(await use(other.value)).toBe(503)

    service.clock.advance(1000)

    expect(await use(other.value)).toBe(200)
    service.clock.advance(5000)
    expect(await use(value)).toBe(401)
  })
})

describe('a clock that is set back lengthens nothing', () => {
  test('neither how long a verdict is remembered nor the life of its key', async () => {
    let elapsedMs = 0
    const skewed = await remoteApp(service, relay.url, undefined, { monotonicClock: () => elapsedMs })
    const { value } = await aKey({ expires_in: 20 })
    expect(await use(value, skewed)).toBe(200)
    goAway()
    service.clock.advance(-3_600_000)

    elapsedMs = 4999
    const fresh = await use(value, skewed)
    elapsedMs = 19_999
    const stale = await use(value, skewed)
    elapsedMs = 20_000
    const ended = await use(value, skewed)
    await skewed.close()

    expect([fresh, stale]).toEqual([200, 200])
    expect(ended).not.toBe(200)
  })

  test('and one that runs on while the machine sleeps shortens it', async () => {
    const asleep = await remoteApp(service, relay.url, undefined, { monotonicClock: () => 0 })
    const { value } = await aKey()
    expect(await use(value, asleep)).toBe(200)
    goAway()
    service.clock.advance(60_000)

    expect(await use(value, asleep)).toBe(503)
    await asleep.close()
  })
})
