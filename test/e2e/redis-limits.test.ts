import { setTimeout as delay } from 'node:timers/promises'
import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { createLimitKeeper, type LimitKeeper } from '../../src/limits/index.js'
import type { LimitedParty } from '../../src/limits/types.js'
import { type Database, openDatabase } from '../../src/store/database.js'
import { aLimit, aParty, countPassed } from '../limits/a-keeper.js'
import { migrationsDir } from '../support/migrations-dir.js'
import { quotaTimeZone } from '../support/quota-time-zone.js'
import { type Postgresql, startPostgresql } from './support/postgresql.js'
import { type RedisServer, startRedis } from './support/redis.js'

let postgresql: Postgresql
let redis: RedisServer
let databases: Database[]
let keepers: LimitKeeper[] = []
let log: string[] = []

beforeAll(async () => {
  postgresql = await startPostgresql()
  databases = [await open(), await open()]
})
beforeEach(async () => {
  redis = await startRedis()
})
afterEach(async () => {
  await Promise.all(keepers.map((keeper) => keeper.close()))
  await redis.stop()
  keepers = []
  log = []
})
afterAll(async () => {
  await Promise.all(databases.map((database) => database.close()))
  await postgresql.stop()
})

const open = () => openDatabase({ url: postgresql.url, dataDir: '', migrationsDir })

/** One replica's limits: a connection of its own to the same Redis, the same PostgreSQL. */
function aReplica(whenRedisIsDown: 'local' | 'refuse' = 'local'): LimitKeeper {
  const keeper = createLimitKeeper({
    // biome-ignore lint/style/noNonNullAssertion: there are two, and every second replica takes the same.
    db: databases[keepers.length % 2]!,
    timeZone: quotaTimeZone,
    headerPrefix: 'Otoroshi',
    clock: Date.now,
    redisUrl: redis.url,
    whenRedisIsDown,
    log: { warn: (_details, message) => log.push(message), info: (message) => log.push(message) },
    onError: (error) => log.push(String(error)),
  })
  keepers.push(keeper)
  return keeper
}

async function twoReplicas(
  whenRedisIsDown: 'local' | 'refuse' = 'local',
): Promise<[LimitKeeper, LimitKeeper]> {
  const replicas = [aReplica(whenRedisIsDown), aReplica(whenRedisIsDown)] as const
  // Until each has heard of the other.
  await Promise.all(replicas.map((keeper) => keeper.take([aParty({ perDay: 1 })])))
  await delay(1500)
  return [...replicas]
}

/** Calls without a pause at every replica, until it is ended; @returns what became of them */
function callOn(replicas: readonly LimitKeeper[], party: LimitedParty) {
  const counts = { passed: 0, exceeded: 0, unavailable: 0 }
  let isOver = false
  const loops = replicas.flatMap((keeper) =>
    Array.from({ length: 4 }, async () => {
      while (!isOver) {
        counts[(await keeper.take([party])).kind] += 1
        await delay(20)
      }
    }),
  )
  return {
    counts,
    end: async () => {
      isOver = true
      await Promise.all(loops)
      return counts
    },
  }
}

const countLines = (text: string) => log.filter((line) => line.includes(text)).length
/** Until both replicas have told that they go on alone, and have done so for a second. */
async function untilBothAreAlone(): Promise<void> {
  await expect.poll(() => countLines('share of what remained'), { timeout: 10_000 }).toBe(2)
  await delay(1000)
}
/** Until both share Redis again, and so many calls were refused since that nothing is left at either of them. */
async function untilUsedUp(counts: { exceeded: number }): Promise<void> {
  await expect.poll(() => countLines('Redis is back'), { timeout: 20_000 }).toBe(2)
  const wanted = counts.exceeded + 100
  await expect.poll(() => counts.exceeded, { timeout: 20_000 }).toBeGreaterThan(wanted)
}

test('of many calls at once at two replicas exactly as many pass as the limit says', async () => {
  const [one, other] = await twoReplicas()
  const party = aParty({ perDay: 500 })

  const decisions = await Promise.all(
    Array.from({ length: 2000 }, (_, call) => (call % 2 ? one : other).take([party])),
  )

  expect(decisions.filter(({ kind }) => kind === 'passed')).toHaveLength(500)
  expect(decisions.filter(({ kind }) => kind === 'exceeded')).toHaveLength(1500)
})

test('what remains is the same at both, and a reset holds at both', async () => {
  const [one, other] = await twoReplicas()
  const party = aParty({ perDay: 10, perMonth: 20 })
  await countPassed(one, [party], 4)
  await countPassed(other, [party], 3)

  expect((await one.look([party])).map(({ remaining }) => remaining)).toEqual([3, 13])
  expect(await other.look([party])).toEqual(await one.look([party]))
  await one.reset(party.id)
  expect(await countPassed(other, [party], 20)).toBe(10)
})

test('a throttled key is throttled at both replicas', async () => {
  const [one, other] = await twoReplicas()
  const party = aParty({ perSecond: 3 })
  await delay(1000 - (Date.now() % 1000) + 50)

  const passed = (await countPassed(one, [party], 3)) + (await countPassed(other, [party], 3))

  expect(passed).toBe(3)
})

test('whatever the order of calls at two replicas, exactly those pass that every limit has room for', async () => {
  const replicas = await twoReplicas()
  const limit = fc.option(fc.integer({ min: 1, max: 8 }), { nil: null })
  const limits = fc.record({ perSecond: fc.constant(null), perDay: limit, perMonth: limit })
  const call = fc.record({ at: fc.nat(1), of: fc.subarray([0, 1, 2], { minLength: 1 }) })
  await fc.assert(
    fc.asyncProperty(
      fc.tuple(limits, limits, limits),
      fc.array(call, { maxLength: 40 }),
      async (of, calls) => {
        const parties = of.map((each) => aParty(each))
        const used = parties.map(() => 0)
        for (const { at, of: called } of calls) {
          const fits = called.every((index) => {
            const { perDay, perMonth } = of[index] ?? aLimit({})
            return (used[index] ?? 0) < Math.min(perDay ?? 99, perMonth ?? 99)
          })

          const decision = await replicas[at as 0 | 1].take(
            called.map((index) => parties[index] as LimitedParty),
          )

          expect(decision.kind).toBe(fits ? 'passed' : 'exceeded')
          if (fits) for (const index of called) used[index] = (used[index] ?? 0) + 1
        }
      },
    ),
    { numRuns: 40 },
  )
})

test('a Redis that is killed under load and comes back empty gives no call twice', async () => {
  const replicas = await twoReplicas()
  const party = aParty({ perDay: 2000 })
  const calls = callOn(replicas, party)
  await delay(1000)

  await redis.crash()
  await untilBothAreAlone()
  const whileAway = calls.counts.passed
  await redis.restart()
  await untilUsedUp(calls.counts)
  const { passed, unavailable } = await calls.end()

  expect(unavailable).toBe(0)
  expect(whileAway).toBeLessThan(2000)
  expect(passed).toBeLessThanOrEqual(2000)
  // But for calls that Redis counted and could not tell any more.
  expect(passed).toBeGreaterThanOrEqual(2000 - 16)
  expect([countLines('share of what remained'), countLines('Redis is back')]).toEqual([2, 2])
})

test('a Redis that is away for long lets exactly what remained pass', async () => {
  const [one, other] = await twoReplicas()
  const party = aParty({ perDay: 101 })
  await countPassed(one, [party], 30)
  await redis.crash()

  const passed = await Promise.all([countPassed(one, [party], 60), countPassed(other, [party], 60)])

  expect(passed.toSorted()).toEqual([35, 36])
})

test('a Redis that is frozen under load gives no call twice and no 5xx', async () => {
  const replicas = await twoReplicas()
  const party = aParty({ perDay: 2000 })
  const calls = callOn(replicas, party)
  await delay(1000)

  redis.pause()
  await untilBothAreAlone()
  redis.resume()
  await untilUsedUp(calls.counts)
  const { passed, unavailable } = await calls.end()

  expect(unavailable).toBe(0)
  expect(passed).toBeLessThanOrEqual(2000)
  expect(passed).toBeGreaterThanOrEqual(2000 - 16)
})

test('where it is told so, calls are refused while Redis is away, and go on exactly when it is back', async () => {
  const [one, other] = await twoReplicas('refuse')
  const party = aParty({ perDay: 50 })
  await countPassed(one, [party], 20)
  await delay(700)
  await redis.crash()

  const away = await other.take([party])
  await redis.restart()
  await delay(4000)

  expect(away.kind).toBe('unavailable')
  expect((await countPassed(one, [party], 40)) + (await countPassed(other, [party], 40))).toBe(30)
})

test('a replica that never met Redis has no share, says so, and joins when Redis is there', async () => {
  await redis.crash()
  const keeper = aReplica()
  const party = aParty({ perDay: 5 })

  const away = await keeper.take([party])
  await redis.restart()
  await delay(1500)

  expect(away.kind).toBe('unavailable')
  expect(countLines('are refused until it is back')).toBe(1)
  expect(await countPassed(keeper, [party], 10)).toBe(5)
})
