import { setTimeout as delay } from 'node:timers/promises'
import fc from 'fast-check'
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Calendar } from '../../src/limits/calendar.js'
import { createLimitKeeper, type LimitKeeper } from '../../src/limits/index.js'
import { createJournal, type Journal } from '../../src/limits/journal.js'
import { RedisBatch } from '../../src/limits/redis-batch.js'
import { countScript, epochKey } from '../../src/limits/redis-scripts.js'
import { createSharedCounters, type SharedCounters } from '../../src/limits/shared.js'
import type { LimitDecision, LimitedParty, Quota } from '../../src/limits/types.js'
import { type Database, openDatabase } from '../../src/store/database.js'
import { aLimit, aParty, countPassed } from '../limits/a-keeper.js'
import { migrationsDir } from '../support/migrations-dir.js'
import { quotaTimeZone } from '../support/quota-time-zone.js'
import { type Postgresql, startPostgresql } from './support/postgresql.js'
import { type RedisServer, startRedis } from './support/redis.js'

let postgresql: Postgresql
let redis: RedisServer
let db: Database
let opened: { close(): Promise<void> }[] = []

beforeAll(async () => {
  postgresql = await startPostgresql()
  db = await openDatabase({ url: postgresql.url, dataDir: '', migrationsDir })
})
beforeEach(async () => {
  redis = await startRedis()
})
afterEach(async () => {
  await Promise.all(opened.map((one) => one.close()))
  await redis.stop()
  opened = []
})
afterAll(async () => {
  await db.close()
  await postgresql.stop()
})

interface Replica extends LimitKeeper {
  /** Resolves when Redis was away and is joined again. */
  returned: Promise<void>
}

function openReplica(): Replica {
  let noteReturn = () => {}
  const returned = new Promise<void>((resolve) => {
    noteReturn = resolve
  })
  const keeper = createLimitKeeper({
    ...{ db, redisUrl: redis.url, whenRedisIsDown: 'local', onError: () => {} },
    ...{ timeZone: quotaTimeZone, headerPrefix: 'Otoroshi', clock: Date.now },
    log: { warn: () => {}, info: noteReturn },
  })
  opened.push(keeper)
  return { ...keeper, returned }
}

async function startReplica(): Promise<Replica> {
  const replica = openReplica()
  await replica.take([aParty({ perDay: 1 })])
  return replica
}

/** Replicas that know each other, so that each has a share when Redis is away. */
async function startSharing(replicas: number): Promise<Replica[]> {
  const all = await Promise.all(Array.from({ length: replicas }, startReplica))
  await delay(1200)
  return all
}

/** Counters whose day ends in so many milliseconds. */
async function startBeforeMidnight(leftMs: number): Promise<{
  counters: SharedCounters
  journal: Journal
  midnight: number
}> {
  const midnight = Date.now() + leftMs
  const dayMs = 86_400_000
  const days = [midnight - dayMs, midnight].map((dayStart) => ({
    ...{ dayStart, dayEnd: dayStart + dayMs },
    ...{ monthStart: midnight - 9 * dayMs, monthEnd: midnight + 9 * dayMs },
  }))
  const calendar = ((at) => days[at < midnight ? 0 : 1]) as Calendar // There are two days.
  const journal = createJournal({ db, clock: Date.now, onError: () => {} })
  const counters = createSharedCounters({
    ...{
      journal,
      calendar,
      log: { warn: () => {}, info: () => {} },
      clock: Date.now,
      redisUrl: redis.url,
      whenRedisIsDown: 'local',
    },
  })
  opened.push(counters, journal)
  await counters.take([aParty({ perDay: 1 })])
  return { counters, journal, midnight }
}

const kindsOf = (decisions: readonly LimitDecision[]) => decisions.map(({ kind }) => kind)
const passedOf = (decisions: readonly LimitDecision[]) => decisions.filter(({ kind }) => kind === 'passed')
const times = (passed: number, exceeded: number) => [
  ...Array.from({ length: passed }, () => 'passed'),
  ...Array.from({ length: exceeded }, () => 'exceeded'),
]
const quotaOf = (decision: LimitDecision | undefined, per: Quota['per']) =>
  decision?.quotas?.find((quota) => quota.per === per)
const untilMs = (at: number) => delay(Math.max(0, at - Date.now()))
const nextSecond = () => Math.ceil(Date.now() / 1000) * 1000

test('the calls of one turn are one command of Redis, and pass in their order', async () => {
  const keeper = await startReplica()
  const parties = Array.from({ length: 16 }, () => aParty({ perDay: 10 }))
  const observer = new Redis(redis.url)
  const countScripts = async () =>
    Number(/cmdstat_evalsha:calls=(\d+)/.exec(await observer.info('commandstats'))?.[1])
  await Promise.all(parties.map((party) => keeper.take([party])))
  const before = await countScripts()

  const decisions = await Promise.all(parties.flatMap((party) => callsOf(keeper, [party], 30)))

  // The heartbeats of the replica are scripts too.
  expect((await countScripts()) - before).toBeLessThan(10)
  expect(kindsOf(decisions)).toEqual(parties.flatMap(() => times(9, 21)))
  expect(decisions.slice(0, 10).map((decision) => quotaOf(decision, 'day')?.remaining)).toEqual([
    ...[8, 7, 6, 5, 4, 3, 2, 1, 0, 0],
  ])
  observer.disconnect()
})

const callsOf = (keeper: Pick<LimitKeeper, 'take'>, parties: readonly LimitedParty[], calls: number) =>
  Array.from({ length: calls }, () => keeper.take(parties))

test('a call that the owner has no more of is not counted against the key, within one turn', async () => {
  const keeper = await startReplica()
  const [one, other] = [aParty({ perDay: 10 }), aParty({ perDay: 10 })]
  const owner = aParty({ perDay: 5 }, 'owner')
  await keeper.look([one, other, owner])

  const decisions = await Promise.all(
    Array.from({ length: 16 }, (_, call) => keeper.take([call % 2 === 0 ? one : other, owner])),
  )

  expect(kindsOf(decisions)).toEqual(times(5, 11))
  expect(await countPassed(keeper, [one], 20)).toBe(7)
  expect(await countPassed(keeper, [other], 20)).toBe(8)
})

test('whatever calls come in one turn, each is decided as if it came alone', async () => {
  const keeper = await startReplica()
  const limit = fc.option(fc.integer({ min: 1, max: 8 }), { nil: null })
  const limits = fc.record({ perSecond: fc.constant(null), perDay: limit, perMonth: limit })
  const call = fc.record({
    of: fc.shuffledSubarray([0, 1, 2, 3], { minLength: 1 }),
    takes: fc.boolean(),
    isLowered: fc.boolean(),
  })
  await fc.assert(
    fc.asyncProperty(
      fc.tuple(limits, limits, limits, limits),
      fc.array(fc.array(call, { maxLength: 60 }), { maxLength: 3 }),
      async (of, turns) => {
        const parties = of.map((each) => aParty(each))
        const used = parties.map(() => 0)
        // The first call of a party waits for the database, and would come in another turn.
        await keeper.look(parties.map(({ id }) => ({ id, limits: aLimit({ perDay: 9 }) })))
        for (const turn of turns) {
          const answers = turn.map(({ of: places, takes, isLowered }) => {
            const called = places.map((place) => {
              const { id, limits: full } = parties[place] as LimitedParty
              return { id, limits: isLowered ? { ...full, perDay: 3 } : full }
            })
            return takes ? keeper.take(called) : keeper.look(called)
          })
          for (const [at, { of: places, takes, isLowered }] of turn.entries()) {
            const left = places.flatMap((place) => {
              const { perDay, perMonth } = of[place] ?? aLimit({})
              const day = isLowered ? 3 : perDay
              // Calls of a party without limits are not counted.
              const count = used[place] ?? 0
              return [day, perMonth].filter((max) => max !== null).map((max) => Math.max(0, max - count))
            })
            const fits = left.every((remaining) => remaining > 0)
            const answer = await answers[at]

            if (takes && fits) {
              for (const place of places) {
                const { perDay, perMonth } = of[place] ?? aLimit({})
                if (isLowered || perDay !== null || perMonth !== null) used[place] = (used[place] ?? 0) + 1
              }
            }
            const quotas = answer !== undefined && 'kind' in answer ? answer.quotas : answer
            if (takes) expect(answer).toMatchObject({ kind: fits ? 'passed' : 'exceeded' })
            const expected = takes && fits ? left.map((remaining) => remaining - 1) : left
            expect(quotas?.map(({ remaining }) => remaining)).toEqual(expected)
          }
        }
      },
    ),
    { numRuns: 60 },
  )
}, 120_000)

test('more parties than one command holds are counted all the same', async () => {
  const keeper = await startReplica()
  const parties = Array.from({ length: 700 }, () => aParty({ perDay: 2 }))
  for (const party of parties) await keeper.look([party])

  const decisions = await Promise.all(parties.flatMap((party) => callsOf(keeper, [party], 3)))

  expect(kindsOf(decisions)).toEqual(parties.flatMap(() => times(2, 1)))
})

test('a limit that is lowered within a turn holds for the calls after it', async () => {
  const keeper = await startReplica()
  const party = aParty({ perDay: 10 })
  await keeper.look([party])
  const lowered = { ...party, limits: aLimit({ perDay: 4 }) }

  const decisions = await Promise.all([
    ...callsOf(keeper, [party], 3),
    ...callsOf(keeper, [lowered], 3),
    ...callsOf(keeper, [party], 8),
  ])

  expect(kindsOf(decisions)).toEqual([...times(4, 2), ...times(6, 2)])
})

test.each([1, 2])(
  'calls that a frozen Redis does not answer are counted once, with %i replicas',
  async (replicas) => {
    const keepers = await startSharing(replicas)
    const party = aParty({ perDay: 100 })
    for (const keeper of keepers) await countPassed(keeper, [party], 40 / replicas)

    redis.pause()
    const decisions = await Promise.all(keepers.flatMap((keeper) => callsOf(keeper, [party], 150)))
    redis.resume()
    await Promise.all(keepers.map(({ returned }) => returned))

    expect(passedOf(decisions)).toHaveLength(60)
    for (const keeper of keepers) expect(await countPassed(keeper, [party], 5)).toBe(0)
  },
)

test('calls under way when Redis is killed never exceed the limit', async () => {
  const [keeper] = (await startSharing(1)) as [Replica]
  const party = aParty({ perDay: 500 })
  const decisions: LimitDecision[] = []
  let isOver = false
  const calling = (async () => {
    while (!isOver) {
      decisions.push(...(await Promise.all(callsOf(keeper, [party], 8))))
      await delay(5)
    }
  })()
  await delay(150)

  await redis.crash()
  await keeper.take([aParty({ perSecond: 1 })])
  await redis.restart()
  await keeper.returned
  while (decisions.at(-1)?.kind !== 'exceeded') await delay(5)
  isOver = true
  await calling

  expect(new Set(kindsOf(decisions))).toEqual(new Set(['passed', 'exceeded']))
  expect(passedOf(decisions).length).toBeLessThanOrEqual(500)
  // Redis may have counted the eight calls under way and died before its answer.
  expect(passedOf(decisions).length).toBeGreaterThanOrEqual(500 - 8)
})

test('calls at two replicas across seconds are counted in one second each', async () => {
  const keepers = [await startReplica(), await startReplica()]
  const party = aParty({ perSecond: 40 })
  const passed = new Map<number, number>()
  await untilMs(nextSecond() + 50)
  const endsAt = nextSecond() + 2500
  await Promise.all(
    keepers.map(async (keeper) => {
      while (Date.now() < endsAt) {
        for (const decision of passedOf(await Promise.all(callsOf(keeper, [party], 45)))) {
          const second = quotaOf(decision, 'second')?.resetsAt ?? 0
          passed.set(second, (passed.get(second) ?? 0) + 1)
        }
        await delay(10)
      }
    }),
  )

  expect(passed.size).toBeGreaterThanOrEqual(3)
  expect([...new Set(passed.values())]).toEqual([40])
})

test('calls that Redis reads in the next second count in that one', async () => {
  const keeper = await startReplica()
  const party = aParty({ perSecond: 20 })
  const border = nextSecond() + 1000
  await untilMs(border - 60)

  redis.pause()
  const asked = callsOf(keeper, [party], 30)
  await untilMs(border + 40)
  redis.resume()
  const decisions = await Promise.all(asked)

  expect(kindsOf(decisions)).toEqual(times(20, 10))
  expect(quotaOf(decisions[0], 'second')?.resetsAt).toBe(border + 1000)
  expect(await countPassed(keeper, [party], 5)).toBe(0)
})

test('calls that Redis reads on the next day count on that day', async () => {
  const { counters, journal, midnight } = await startBeforeMidnight(2500)
  const party = aParty({ perDay: 20, perMonth: 50 })
  expect(await countPassed(counters, [party], 25)).toBe(20)
  await untilMs(midnight - 60)

  redis.pause()
  const asked = callsOf(counters, [party], 30)
  await untilMs(midnight + 40)
  redis.resume()
  const decisions = await Promise.all(asked)

  expect(kindsOf(decisions)).toEqual(times(20, 10))
  expect(quotaOf(decisions[0], 'day')?.resetsAt).toBe(midnight + 86_400_000)
  expect(quotaOf(decisions[19], 'month')?.remaining).toBe(10)
  expect(await journal.read(party.id, 0)).toEqual([
    { dayStart: midnight - 86_400_000, used: 20 },
    { dayStart: midnight, used: 20 },
  ])
})

test.each([
  ['late', { waitsMs: -2000 }],
  ['closed', { epoch: 'another' }],
  ['calendar', { dayStart: 86_400_000 }],
])('a command that is %s counts none of its calls', async (outcome, change) => {
  const { epoch, waitsMs, dayStart } = { epoch: 'this', waitsMs: 5000, dayStart: 0, ...change }
  const client = new Redis(redis.url)
  await client.set(epochKey, 'this')
  const [seconds] = await client.time()
  const now = Number(seconds) * 1000
  const day = { dayStart: now - 1000 + dayStart, dayEnd: now + 60_000 + dayStart }
  const periods = { ...day, monthStart: day.dayStart, monthEnd: day.dayEnd }
  const batch = new RedisBatch({ kind: 'joined', epoch }, periods)
  for (const party of [aParty({ perDay: 5 }), aParty({ perSecond: 5 })]) {
    batch.add({ kind: 'take', settle: () => {} }, [party], [{ day: 3, month: 4 }])
  }

  const answer = await client.eval(
    countScript.lua,
    ...[batch.keys().length + 1, epochKey, ...batch.keys()],
    ...[epoch, now + waitsMs, periods.dayStart, periods.dayEnd],
    ...[periods.monthStart, periods.monthEnd, JSON.stringify(batch.words())],
  )

  expect(answer).toEqual([outcome, expect.any(Number)])
  expect(await client.keys('*')).toEqual([epochKey])
  client.disconnect()
})

test('calls that wait for a Redis that is not there end when the limits are closed', async () => {
  await redis.crash()
  const keeper = openReplica()
  const waiting = keeper.take([aParty({ perDay: 5 })])

  await keeper.close()

  expect((await waiting).kind).toBe('unavailable')
})
