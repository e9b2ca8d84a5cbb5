import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { createUsageCounter, type UsageCounter } from '../../src/usage/counter.js'
import { openWatchedDatabase, type WatchedDatabase } from '../support/watched-database.js'

let db: WatchedDatabase
let keys = 0
beforeAll(async () => {
  db = await openWatchedDatabase()
  const knownAt = new Date(0)
  await db.prisma.owner.create({ data: { subject: 'ada', kind: 'user', login: 'ada', knownAt } })
})
afterAll(() => db.close())

const midnight = Date.parse('2026-11-22T00:00:00.000Z')
const noErrors = (error: unknown) => {
  throw error
}
const aCounter = () => createUsageCounter({ db, flushEveryMs: 3_600_000, onError: noErrors })
async function aKey(): Promise<string> {
  const id = `usage${keys++}`
  await db.prisma.apiKey.create({
    data: { id, name: id, ownerSubject: 'ada', createdAt: new Date(0), scopes: ['inherit'] },
  })
  return id
}
async function stored(keyId: string) {
  const row = await db.prisma.apiKeyUsage.findUnique({ where: { keyId } })
  return (
    row && {
      total: Number(row.total),
      today: Number(row.today),
      day: row.day.toISOString().slice(0, 10),
      at: row.lastUsedAt.getTime(),
      ip: row.lastUsedIp,
      agent: row.lastUserAgent,
    }
  )
}
const use = (counter: UsageCounter, key: string, at: number, times = 1) => {
  for (let call = 0; call < times; call++) counter.record(key, at, '192.0.2.1', 'curl/8')
}

test('calls are counted in memory and written together', async () => {
  const [one, other] = [await aKey(), await aKey()]
  const counter = aCounter()
  const before = db.asked.length

  use(counter, one, midnight, 1000)
  use(counter, other, midnight + 5, 3)
  expect(db.asked).toHaveLength(before)
  await counter.flush()

  expect(db.asked).toHaveLength(before + 1)
  expect(await stored(one)).toEqual({
    ...{ total: 1000, today: 1000, day: '2026-11-22', at: midnight },
    ...{ ip: '192.0.2.1', agent: 'curl/8' },
  })
  expect(await stored(other)).toMatchObject({ total: 3, at: midnight + 5 })
  await counter.close()
})

test('when nothing was called nothing is asked of the database', async () => {
  const counter = aCounter()
  const before = db.asked.length

  await counter.flush()
  await counter.close()

  expect(db.asked).toHaveLength(before)
})

test('what two replicas counted is added up, and the later call is the last one', async () => {
  const key = await aKey()
  const [one, other] = [aCounter(), aCounter()]
  one.record(key, midnight + 20, '192.0.2.20', 'later')
  other.record(key, midnight + 10, '192.0.2.10', 'earlier')

  await one.flush()
  await other.flush()

  expect(await stored(key)).toMatchObject({
    total: 2,
    today: 2,
    at: midnight + 20,
    ip: '192.0.2.20',
    agent: 'later',
  })
  await Promise.all([one.close(), other.close()])
})

test('at midnight UTC the day begins at nought, within one batch and between two', async () => {
  const [within, between] = [await aKey(), await aKey()]
  const counter = aCounter()

  use(counter, within, midnight - 1, 5)
  use(counter, within, midnight, 2)
  use(counter, between, midnight - 1, 5)
  await counter.flush()
  expect(await stored(between)).toMatchObject({ total: 5, today: 5, day: '2026-11-21' })
  use(counter, between, midnight, 2)
  await counter.flush()

  expect(await stored(within)).toMatchObject({ total: 7, today: 2, day: '2026-11-22' })
  expect(await stored(between)).toMatchObject({ total: 7, today: 2, day: '2026-11-22' })
  await counter.close()
})

test('a replica that is late with yesterday’s calls does not spoil today’s', async () => {
  const key = await aKey()
  const [quick, late] = [aCounter(), aCounter()]
  use(late, key, midnight - 1, 4)
  use(quick, key, midnight + 1, 3)

  await quick.flush()
  await late.flush()

  expect(await stored(key)).toMatchObject({ total: 7, today: 3, day: '2026-11-22', at: midnight + 1 })
  await Promise.all([quick.close(), late.close()])
})

test('closing writes the rest', async () => {
  const key = await aKey()
  const counter = aCounter()
  use(counter, key, midnight, 3)

  await counter.close()

  expect(await stored(key)).toMatchObject({ total: 3 })
})

test('when the database fails the counts are kept, and written once', async () => {
  const key = await aKey()
  const counter = aCounter()
  use(counter, key, midnight, 3)
  db.failNext('add-usage')

  await expect(counter.flush()).rejects.toThrow('cannot be asked')
  expect(await stored(key)).toBeNull()
  use(counter, key, midnight + 1, 2)
  await counter.flush()
  await counter.flush()

  expect(await stored(key)).toMatchObject({ total: 5, today: 5, at: midnight + 1 })
  await counter.close()
})

test('what is counted while a failing write is under way is not lost either, across midnight too', async () => {
  const key = await aKey()
  const counter = aCounter()
  use(counter, key, midnight - 1, 3)
  db.failNext('add-usage')

  const flushing = expect(counter.flush()).rejects.toThrow('cannot be asked')
  await sleep(5)
  use(counter, key, midnight, 2)
  await flushing
  await counter.flush()

  expect(await stored(key)).toMatchObject({ total: 5, today: 2, day: '2026-11-22' })
  await counter.close()
})

test('a key that was deleted meanwhile does not take the others’ counts with it', async () => {
  const [gone, left] = [await aKey(), await aKey()]
  const counter = aCounter()
  use(counter, gone, midnight, 3)
  use(counter, left, midnight, 4)
  await db.prisma.apiKey.delete({ where: { id: gone } })

  await counter.flush()

  expect(await stored(gone)).toBeNull()
  expect(await stored(left)).toMatchObject({ total: 4 })
  await counter.close()
})

test('of a long user agent the beginning is kept', async () => {
  const [long, none] = [await aKey(), await aKey()]
  const counter = aCounter()
  counter.record(long, midnight, '192.0.2.1', 'x'.repeat(5000))
  counter.record(none, midnight, '192.0.2.1', undefined)

  await counter.close()

  expect((await stored(long))?.agent).toBe('x'.repeat(256))
  expect((await stored(none))?.agent).toBeNull()
})

test('more keys than fit one batch are all written, those of a failed batch at the next time', async () => {
  const ids = Array.from({ length: 5001 }, (_, at) => `many${String(at).padStart(5, '0')}`)
  // One statement: what has more values than fit into one, Prisma sends as several at once on one connection.
  await db.prisma.$executeRaw`
    INSERT INTO api_keys (id, name, owner_subject, created_at) SELECT id, id, 'ada', now() FROM unnest(${ids}::text[]) AS id`
  const counter = aCounter()
  for (const id of ids) use(counter, id, midnight)
  db.failNext('add-usage')
  await expect(counter.flush()).rejects.toThrow()
  for (const id of ids) use(counter, id, midnight)

  await counter.close()

  const { _sum, _count } = await db.prisma.apiKeyUsage.aggregate({
    where: { keyId: { startsWith: 'many' } },
    _sum: { total: true },
    _count: true,
  })
  expect({ total: Number(_sum.total), keys: _count }).toEqual({ total: 10_002, keys: 5001 })
})

test('a count that the database will never take keeps no other from being written', async () => {
  const [poisoned, other] = [await aKey(), await aKey()]
  const errors: unknown[] = []
  const counter = createUsageCounter({ db, flushEveryMs: 3_600_000, onError: (error) => errors.push(error) })
  counter.record(poisoned, midnight, 'a\u0000b', 'curl/8')
  use(counter, other, midnight, 3)

  await counter.flush()
  await counter.close()

  expect(errors).toHaveLength(1)
  expect(await stored(poisoned)).toBeNull()
  expect(await stored(other)).toMatchObject({ total: 3 })
})

test('an outage is told once, and the counts of its time are written after it', async () => {
  const key = await aKey()
  const errors: unknown[] = []
  const counter = createUsageCounter({ db, flushEveryMs: 10, onError: (error) => errors.push(error) })
  db.isDown = true
  use(counter, key, midnight, 7)
  await new Promise((resolve) => setTimeout(resolve, 200))

  db.isDown = false

  await vi.waitFor(async () => expect(await stored(key)).toMatchObject({ total: 7 }))
  expect(errors).toHaveLength(1)
  await counter.close()
})

test('an end in an outage is an end, which tells that counts are lost', async () => {
  const key = await aKey()
  const errors: unknown[] = []
  const counter = createUsageCounter({ db, flushEveryMs: 3_600_000, onError: (error) => errors.push(error) })
  use(counter, key, midnight)
  db.isDown = true

  await counter.close()

  db.isDown = false
  expect(errors).toHaveLength(1)
  expect(await stored(key)).toBe(null)
})
