import { createHash } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { RefusalRate } from '../../src/auth/types.js'
import { createKeyVerifier, type KeyVerifier, type KeyVerifierOptions } from '../../src/keys/verify.js'
import { aUsage } from '../support/usage.js'
import { openWatchedDatabase, type WatchedDatabase } from '../support/watched-database.js'

// Nothing is heard of what others change but where a test says so, and time passes only as it says.
let db: WatchedDatabase
let now: number
let refusals: number
beforeAll(async () => {
  db = await openWatchedDatabase()
})
afterAll(() => db.close())
beforeEach(async () => {
  now = Date.UTC(2026, 10, 21)
  refusals = 0
  db.isDown = false
  db.asked.length = 0
  await db.prisma.apiKey.deleteMany()
})

const rate: RefusalRate = {
  retryAfterSeconds: () => 0,
  count: () => {
    refusals += 1
  },
}
const aVerifier = (options: Partial<KeyVerifierOptions> = {}) =>
  createKeyVerifier({
    ...{ db, prefix: 'lk', usage: aUsage(), refusals: rate, maxStaleMs: 60_000, clock: () => now },
    ...options,
  })
const check = async (verifier: KeyVerifier, value: string) => (await verifier.verify(value, '192.0.2.1')).kind
const queries = () => db.asked.map(({ name }) => name)

async function anImport(id: string, value: string) {
  const createdAt = new Date(now)
  const owner = {
    subject: `server:${id}`,
    kind: 'server' as const,
    login: id,
    rights: [],
    knownAt: createdAt,
  }
  await db.prisma.owner.upsert({ where: { subject: owner.subject }, create: owner, update: {} })
  const lists = { scopes: [], groups: [], services: [], allowedReferers: [], allowedIps: [] }
  const hash = new Uint8Array(createHash('sha256').update(value).digest())
  await db.prisma.apiKey.create({
    data: {
      ...{ id, name: id, ownerSubject: owner.subject, imported: true, createdAt, ...lists },
      values: { create: { hash, createdAt } },
    },
  })
}

test('while no key was imported, values of other shapes cost one query in five seconds, and no guess', async () => {
  const verifier = aVerifier()
  expect(await check(verifier, 'foreign-0')).toBe('refused')

  for (let at = 1; at < 100; at++)
    expect(verifier.verify(`foreign-${at}`, '192.0.2.1')).toEqual({ kind: 'refused' })

  expect(queries()).toEqual(['has-imported-keys'])
  now += 5000
  expect(await check(verifier, 'foreign-100')).toBe('refused')
  expect(queries()).toEqual(['has-imported-keys', 'has-imported-keys'])
  expect(refusals).toBe(0)
})

test('values of our prefix are never looked for by their hash', async () => {
  const verifier = aVerifier()
  await anImport('one', 'foreign')

  for (const value of ['lk_', 'lk_x', 'lk_one:secret', 'lk_aaaaaaaa_bbb']) {
    expect(verifier.verify(value, '192.0.2.1')).toEqual({ kind: 'refused' })
  }

  expect(queries()).toEqual([])
})

test('a wrong one counts for its address, and is remembered for five seconds', async () => {
  const verifier = aVerifier()
  await anImport('one', 'foreign')
  expect(await check(verifier, 'wrong')).toBe('refused')
  const before = queries().length

  expect(verifier.verify('wrong', '192.0.2.1')).toEqual({ kind: 'refused' })

  expect([refusals, queries().length]).toEqual([1, before])
  now += 5000
  expect(await check(verifier, 'wrong')).toBe('refused')
  expect([refusals, queries().length > before]).toEqual([2, true])
})

test('an address that guessed too often must wait, and a good one in use goes on', async () => {
  let waits = 0
  const verifier = aVerifier({ refusals: { ...rate, retryAfterSeconds: () => waits } })
  await anImport('one', 'foreign')
  expect(await check(verifier, 'foreign')).toBe('accepted')

  waits = 60

  expect(await check(verifier, 'another')).toBe('throttled')
  expect(verifier.verify('foreign', '192.0.2.1')).toMatchObject({ kind: 'accepted' })
})

test('a good one in use is judged from memory: at once and without a query', async () => {
  const verifier = aVerifier()
  await anImport('one', 'foreign')
  expect(await check(verifier, 'foreign')).toBe('accepted')
  const before = queries().length

  for (let calls = 0; calls < 100; calls += 1) {
    expect(verifier.verify('foreign', '192.0.2.1')).toMatchObject({
      kind: 'accepted',
      principal: { keyId: 'one' },
    })
  }

  expect(queries()).toHaveLength(before)
})

test('what was imported since is found as soon as its change is heard, whatever was known before', async () => {
  const verifier = aVerifier()
  expect(await check(verifier, 'foreign')).toBe('refused')
  await anImport('one', 'another')
  verifier.invalidate('one')
  expect(await check(verifier, 'foreign')).toBe('refused')
  await anImport('two', 'foreign')

  verifier.invalidate('two')

  expect(await check(verifier, 'foreign')).toBe('accepted')
})

test('an import while its value is being looked for does not stay unknown', async () => {
  const verifier = aVerifier()
  await anImport('one', 'another')
  const held = db.holdNext('find-imported-values')
  const early = check(verifier, 'foreign')
  await held.reached
  await anImport('two', 'foreign')
  verifier.invalidate('two')

  held.release()

  expect(await early).toBe('refused')
  expect(await check(verifier, 'foreign')).toBe('accepted')
})

test('a value that another key has now opens that key', async () => {
  const verifier = aVerifier()
  await anImport('one', 'foreign')
  expect(await check(verifier, 'foreign')).toBe('accepted')
  await db.prisma.apiKey.deleteMany()
  await anImport('two', 'foreign')

  for (const id of ['one', 'two']) verifier.invalidate(id)

  expect(await verifier.verify('foreign', '192.0.2.1')).toMatchObject({ principal: { keyId: 'two' } })
})

test('while the database is down nobody can tell, but where there were none a minute ago', async () => {
  const [knowing, ignorant, using] = [aVerifier(), aVerifier(), aVerifier()]
  expect(await check(knowing, 'foreign')).toBe('refused')
  await anImport('one', 'foreign')
  expect(await check(using, 'foreign')).toBe('accepted')

  db.isDown = true
  now += 10_000

  expect(await check(knowing, 'another')).toBe('refused')
  expect(await check(ignorant, 'another')).toBe('unavailable')
  expect(await check(using, 'another')).toBe('unavailable')
  expect(await check(using, 'foreign')).toBe('accepted')
  now += 60_000
  expect(await check(knowing, 'another')).toBe('unavailable')
  expect(await check(using, 'foreign')).toBe('unavailable')
})
