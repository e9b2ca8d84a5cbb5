import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { RefusalRate, Verdict } from '../../src/auth/types.js'
import { createKeyVerifier, type KeyVerifier, type KeyVerifierOptions } from '../../src/keys/verify.js'
import { startService, type TestService } from '../support/service.js'
import { aUsage } from '../support/usage.js'
import { lookUpQuery, openWatchedDatabase, type WatchedDatabase } from '../support/watched-database.js'
import { aForgedValue, requestsTo, subjects } from './requests.js'

// The verifier as the service builds it, on the same database as a second replica would be: what the service changes
// is told to it only where a test says so.
let service: TestService
let db: WatchedDatabase
let now: number
let refusals: string[]
const ask = requestsTo(() => service)
beforeAll(async () => {
  db = await openWatchedDatabase()
  service = await startService({ MAX_KEYS_PER_USER: '1000' }, { db })
})
beforeEach(() => {
  now = service.clock.now()
  refusals = []
  db.isDown = false
})
afterAll(() => service.close())

const unlimited: RefusalRate = {
  retryAfterSeconds: () => 0,
  count: (address) => refusals.push(address),
}
const aVerifier = (options: Partial<KeyVerifierOptions> = {}) =>
  createKeyVerifier({
    ...{ db, prefix: 'lk', usage: aUsage(), refusals: unlimited, maxStaleMs: 60_000, clock: () => now },
    ...options,
  })
const kindOf = async (verdict: Verdict | Promise<Verdict>) => (await verdict).kind
const check = (verifier: KeyVerifier, value: string) => kindOf(verifier.verify(value, '192.0.2.1'))
const countLookUps = () => db.asked.filter(({ name }) => name === lookUpQuery).length

test('a key in use is judged from memory: at once, without a promise and without a query', async () => {
  const { value } = await service.createKey('alice')
  const verifier = aVerifier()
  expect(await check(verifier, value)).toBe('accepted')
  const before = countLookUps()

  for (let at = 0; at < 1000; at++) {
    expect(verifier.verify(value, '192.0.2.1')).toMatchObject({
      kind: 'accepted',
      principal: { login: 'alice' },
    })
  }

  expect(countLookUps()).toBe(before)
})

test('a wrong secret for a key in use is refused from memory, and the key stays', async () => {
  const { value, id } = await service.createKey('alice')
  const verifier = aVerifier()
  await check(verifier, value)
  const before = countLookUps()

  for (let at = 0; at < 100; at++)
    expect(verifier.verify(aForgedValue(id), '192.0.2.1')).toEqual({ kind: 'refused' })

  expect(verifier.verify(value, '192.0.2.1')).toMatchObject({ kind: 'accepted' })
  expect(countLookUps()).toBe(before)
})

test('what another replica changed is known within five seconds', async () => {
  const { value, id } = await service.createKey('alice')
  const verifier = aVerifier()
  await check(verifier, value)
  await ask.as('alice', 'POST', `/api-keys/${id}/revoke`)

  now += 4999
  expect(await check(verifier, value)).toBe('accepted')
  now += 1
  expect(await check(verifier, value)).toBe('refused')
})

test('a clock that was set back does not make old knowledge fresh', async () => {
  const { value, id } = await service.createKey('alice')
  const verifier = aVerifier()
  await check(verifier, value)
  await ask.as('alice', 'POST', `/api-keys/${id}/revoke`)

  now -= 3_600_000

  expect(await check(verifier, value)).toBe('refused')
})

test('an owner who is disabled in the database is refused within the same time, and back as fast', async () => {
  const { value } = await service.createKey('alice')
  const verifier = aVerifier()
  await check(verifier, value)
  const setEnabled = (enabled: boolean) =>
    db.prisma.owner.update({ where: { subject: subjects.alice }, data: { enabled } })

  await setEnabled(false)
  now += 5000
  expect(await check(verifier, value)).toBe('refused')

  await setEnabled(true)
  now += 5000
  expect(await check(verifier, value)).toBe('accepted')
})

test('a look-up that was under way while the key was revoked admits nobody, then or later', async () => {
  const { value, id } = await service.createKey('alice')
  const verifier = aVerifier()
  const { reached, release } = db.holdNext(lookUpQuery)
  const early = check(verifier, value)
  await reached

  await ask.as('alice', 'POST', `/api-keys/${id}/revoke`)
  verifier.invalidate(id)
  const afterwards = check(verifier, value)
  release()

  expect(await afterwards).toBe('refused')
  expect(await early).toBe('refused')
  expect(await check(verifier, value)).toBe('refused')
  expect(verifier.verify(value, '192.0.2.1')).toEqual({ kind: 'refused' })
})

test('20,000 unknown values push out no key in use and cost few queries', async () => {
  const keys = [await service.createKey('alice'), await service.createKey('alice')]
  const verifier = aVerifier({ maxCached: 100 })
  for (const { value } of keys) await check(verifier, value)
  const before = countLookUps()

  const kinds: string[] = []
  for (let wave = 0; wave < 10; wave++) {
    kinds.push(...(await Promise.all(Array.from({ length: 2000 }, () => check(verifier, aForgedValue())))))
  }

  expect(new Set(kinds)).toEqual(new Set(['refused']))
  expect(countLookUps() - before).toBeLessThan(200)
  const after = countLookUps()
  for (const { value } of keys) {
    expect(verifier.verify(value, '192.0.2.1')).toMatchObject({ kind: 'accepted' })
  }
  expect(countLookUps()).toBe(after)
})

test('more look-ups than may wait are answered "cannot tell", and the next one is well', async () => {
  const { value } = await service.createKey('alice')
  const verifier = aVerifier()

  const kinds = await Promise.all(Array.from({ length: 10_100 }, () => check(verifier, aForgedValue())))

  expect(kinds.filter((kind) => kind === 'unavailable').length).toBeGreaterThan(0)
  expect(kinds.filter((kind) => kind === 'refused').length).toBeGreaterThan(9000)
  expect(kinds).not.toContain('accepted')
  expect(await check(verifier, value)).toBe('accepted')
})

test('a database that does not answer counts as down: keys in use go on, others cannot be told', async () => {
  const known = await service.createKey('alice')
  const other = await service.createKey('alice')
  const verifier = aVerifier({ patienceMs: 50 })
  await check(verifier, known.value)
  now += 5000
  const stuck = db.holdNext(lookUpQuery)

  expect(await check(verifier, known.value)).toBe('accepted')
  expect(await check(verifier, other.value)).toBe('unavailable')

  stuck.release()
  now += 1000
  expect(await check(verifier, other.value)).toBe('accepted')
})

test('a key whose row cannot be read does not make the others wait', async () => {
  const broken = await service.createKey('alice')
  const good = await service.createKey('alice')
  await db.prisma.apiKey.update({ where: { id: broken.id }, data: { allowedIps: ['not an address'] } })
  const verifier = aVerifier()

  expect(await check(verifier, broken.value)).toBe('unavailable')
  expect(await check(verifier, good.value)).toBe('accepted')
})
