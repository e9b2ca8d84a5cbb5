import { setTimeout as delay } from 'node:timers/promises'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createCalendar } from '../../src/limits/calendar.js'
import { createJournal } from '../../src/limits/journal.js'
import { createMemoryCounters } from '../../src/limits/memory.js'
import type { LimitedParty } from '../../src/limits/types.js'
import type { Database } from '../../src/store/database.js'
import { openTestDatabase } from '../support/database.js'
import { openWatchedDatabase } from '../support/watched-database.js'
import { aKeeper, aLimit, aParty, countPassed, summarize } from './a-keeper.js'

let db: Database
const now = Date.parse('2026-11-21T12:00:00.000Z')

beforeAll(async () => {
  db = await openTestDatabase()
})
afterAll(() => db.close())

test('of many calls at once exactly as many pass as the limit says', async () => {
  const keeper = aKeeper(db)
  const party = aParty({ perDay: 100 })

  const decisions = await Promise.all(Array.from({ length: 400 }, () => keeper.take([party])))

  expect(decisions.filter(({ kind }) => kind === 'passed')).toHaveLength(100)
  await keeper.close()
})

test('a key that is known is decided at once', async () => {
  const keeper = aKeeper(db)
  const party = aParty({ perSecond: 5, perDay: 5, perMonth: 5 })
  await keeper.take([party])

  expect(keeper.take([party])).not.toBeInstanceOf(Promise)
  await keeper.close()
})

test('a call that the owner has no more of is not counted against the key', async () => {
  const keeper = aKeeper(db)
  const key = aParty({ perDay: 10 })
  const owner = aParty({ perDay: 1 }, 'owner')
  await keeper.take([key, owner])

  await keeper.take([key, owner])

  expect(await countPassed(keeper, [key], 20)).toBe(9)
  await keeper.close()
})

test('a throttled caller is told to come back in a second, and then may', async () => {
  const keeper = aKeeper(db)
  const party = aParty({ perSecond: 2 })
  await countPassed(keeper, [party], 2)

  expect(summarize(await keeper.take([party]))).toEqual({ code: 'rate_limited', retryAfterSeconds: 1 })

  keeper.clock.now += 1000
  expect(await countPassed(keeper, [party], 5)).toBe(2)
  await keeper.close()
})

test.each([
  ['a day', '2026-11-21T23:59:59.999Z', { perDay: 3 }, 1],
  ['a month', '2028-02-29T23:59:58.001Z', { perMonth: 3 }, 2],
])('with the end of %s the calls begin anew', async (_what, at, limits, retryAfterSeconds) => {
  const keeper = aKeeper(db, { at })
  const party = aParty(limits)
  await countPassed(keeper, [party], 3)

  expect(summarize(await keeper.take([party]))).toEqual({ code: 'quota_exceeded', retryAfterSeconds })

  keeper.clock.now += retryAfterSeconds * 1000
  expect(await countPassed(keeper, [party], 5)).toBe(3)
  await keeper.close()
})

test('a month is not over with its day', async () => {
  const keeper = aKeeper(db)
  const party = aParty({ perDay: 3, perMonth: 4 })
  await countPassed(keeper, [party], 3)

  keeper.clock.now += 86_400_000

  expect(await countPassed(keeper, [party], 5)).toBe(1)
  await keeper.close()
})

test('days are those of the time zone, also where one has 25 hours', async () => {
  const keeper = aKeeper(db, { timeZone: 'Europe/Paris', at: '2026-10-24T22:30:00.000Z' })
  const party = aParty({ perDay: 1 })
  await keeper.take([party])

  const atNight = await keeper.take([party])
  keeper.clock.now = Date.parse('2026-10-25T22:59:59.999Z')
  const beforeEnd = await keeper.take([party])
  keeper.clock.now += 1
  const nextDay = await keeper.take([party])

  expect([atNight, beforeEnd, nextDay].map(({ kind }) => kind)).toEqual(['exceeded', 'exceeded', 'passed'])
  expect(summarize(atNight)).toMatchObject({ retryAfterSeconds: 24.5 * 3600 })
  await keeper.close()
})

test('looking counts nothing', async () => {
  const keeper = aKeeper(db)
  const party = aParty({ perDay: 2 })

  await keeper.look([party])
  await keeper.look([party])

  expect(await countPassed(keeper, [party], 5)).toBe(2)
  expect(await keeper.look([party])).toMatchObject([{ per: 'day', limit: 2, remaining: 0 }])
  await keeper.close()
})

test('after a restart what was counted is still counted', async () => {
  const first = aKeeper(db)
  const party = aParty({ perDay: 5, perMonth: 7 })
  await countPassed(first, [party], 3)
  await first.close()

  const second = aKeeper(db)

  expect(await countPassed(second, [party], 10)).toBe(2)
  await second.close()
  const nextDay = aKeeper(db, { at: '2026-11-22T12:00:00.000Z' })
  expect(await countPassed(nextDay, [party], 10)).toBe(2)
  await nextDay.close()
})

test('what two replicas without Redis count is stored as the sum of both', async () => {
  const [one, other] = [aKeeper(db), aKeeper(db)]
  const party = aParty({ perDay: 100 })
  await Promise.all([countPassed(one, [party], 30), countPassed(other, [party], 20)])
  await Promise.all([one.close(), other.close()])

  const next = aKeeper(db)

  expect(await next.look([party])).toMatchObject([{ remaining: 50 }])
  await next.close()
})

test('a lower limit holds at once, and a higher one gives the difference', async () => {
  const keeper = aKeeper(db)
  const party = aParty({ perDay: 5 })
  await countPassed(keeper, [party], 4)

  const lowered = await keeper.take([{ ...party, limits: aLimit({ perDay: 3 }) }])
  const raised = await countPassed(keeper, [{ ...party, limits: aLimit({ perDay: 10 }) }], 20)

  expect(lowered.kind).toBe('exceeded')
  expect(raised).toBe(6)
  await keeper.close()
})

test('a reset gives all calls again, of this party alone', async () => {
  const keeper = aKeeper(db)
  const [party, bystander] = [aParty({ perDay: 3, perMonth: 3 }), aParty({ perDay: 3 })]
  await countPassed(keeper, [party], 3)
  await countPassed(keeper, [bystander], 3)

  await keeper.reset(party.id)

  expect(await countPassed(keeper, [party], 5)).toBe(3)
  expect(await countPassed(keeper, [bystander], 5)).toBe(0)
  await keeper.close()
})

test('a clock that is set back gives no call twice and locks nobody out for longer', async () => {
  const keeper = aKeeper(db, { at: '2026-11-22T00:00:00.100Z' })
  const party = aParty({ perSecond: 2, perDay: 2 })
  expect(await countPassed(keeper, [party], 3)).toBe(2)

  keeper.clock.now -= 200
  const ofDayBefore = await countPassed(keeper, [party], 3)
  keeper.clock.now += 200
  const again = await countPassed(keeper, [party], 3)
  keeper.clock.now -= 200
  const ofDayBeforeAgain = await countPassed(keeper, [party], 3)

  expect([ofDayBefore, again, ofDayBeforeAgain]).toEqual([2, 0, 0])
  keeper.clock.now += 2 * 86_400_000
  expect(await countPassed(keeper, [party], 3)).toBe(2)
  await keeper.close()
})

test('a database that cannot be asked about a key that was never seen is no yes', async () => {
  const closed = await openTestDatabase()
  const errors: unknown[] = []
  const keeper = aKeeper(closed, { onError: (error) => errors.push(error) })
  const [known, unknown] = [aParty({ perDay: 5 }), aParty({ perDay: 5 })]
  await keeper.take([known])
  await closed.close()

  expect((await keeper.take([unknown])).kind).toBe('unavailable')
  expect((await keeper.take([known])).kind).toBe('passed')
  expect((await keeper.take([aParty({ perSecond: 5 })])).kind).toBe('passed')
  await keeper.close()
  expect(errors).toHaveLength(1)
})

test('whatever the calls, clocks and restarts, exactly the calls pass that each limit has room for', async () => {
  const calendar = createCalendar('UTC')
  const days = ['2026-11-29', '2026-11-30', '2026-12-01'].map((day) => Date.parse(`${day}T23:59:58.000Z`))
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.record({ call: fc.subarray([0, 1, 2], { minLength: 1 }) }) },
    { weight: 2, arbitrary: fc.record({ day: fc.nat(2), second: fc.nat(2) }) },
    { weight: 1, arbitrary: fc.constant({ restart: true as const }) },
  )
  const limit = fc.option(fc.integer({ min: 1, max: 6 }), { nil: null })
  const limits = fc.record({ perSecond: limit, perDay: limit, perMonth: limit })
  await fc.assert(
    fc.asyncProperty(
      fc.tuple(limits, limits, limits),
      fc.array(step, { maxLength: 60 }),
      async (of, steps) => {
        const parties: LimitedParty[] = of.map((each) => aParty(each))
        const model = new Map<string, number>()
        let keeper = aKeeper(db, { flushEveryMs: 10_000 })
        let now = days[1] as number
        for (const one of steps) {
          if ('restart' in one) {
            await keeper.close()
            // Seconds do not outlive the process: the next one begins in another.
            for (const window of model.keys()) if (window.includes('second')) model.delete(window)
            keeper = aKeeper(db, { flushEveryMs: 10_000 })
          } else if ('day' in one) now = (days[one.day] as number) + one.second * 900
          else {
            keeper.clock.now = now
            const called = one.call.map((index) => parties[index] as LimitedParty)
            const { dayStart, monthStart } = calendar(now)
            const windows = called.flatMap(({ id, limits: held }) => [
              [`${id} second ${Math.floor(now / 1000)}`, held.perSecond] as const,
              // A day is counted only where a limit by day or month asks for it.
              [`${id} day ${dayStart}`, held.perDay] as const,
              [`${id} month ${monthStart}`, held.perMonth] as const,
            ])
            const fits = windows.every(([window, max]) => max === null || (model.get(window) ?? 0) < max)

            const decision = await keeper.take(called)

            expect(decision.kind).toBe(fits ? 'passed' : 'exceeded')
            if (fits) for (const [window] of windows) model.set(window, (model.get(window) ?? 0) + 1)
          }
        }
        await keeper.close()
      },
    ),
    { numRuns: 100 },
  )
})

test('what another replica may have changed is read again, and no second begins anew for it', async () => {
  const journal = createJournal({ db, clock: () => now, onError: () => {} })
  const counters = createMemoryCounters({ journal, calendar: createCalendar('UTC'), clock: () => now })
  const parties = [aParty({ perSecond: 3 }), aParty({ perSecond: 3, perDay: 9 })]
  for (const party of parties) await countPassed(counters, [party], 3)

  counters.dropStored()

  for (const party of parties) expect(await countPassed(counters, [party], 3)).toBe(0)
  await journal.close()
})

test('calls whose writing fails while their party is read are not forgotten', async () => {
  const watched = await openWatchedDatabase()
  const journal = createJournal({ db: watched, clock: () => now, flushEveryMs: 60_000, onError: () => {} })
  journal.add('key:read', now)
  watched.failNext('add-limit-counts')

  const writing = journal.flush().catch((error: Error) => error.name)
  await delay(5)
  const days = await journal.read('key:read', now)

  expect(await writing).toBe('StoreUnavailable')
  expect(days).toEqual([{ dayStart: now, used: 1 }])
  await journal.close()
  await watched.close()
})

describe('parties that nobody called for a while', () => {
  /** Counters whose clock the test moves. */
  function aCounter(options: Partial<Parameters<typeof createMemoryCounters>[0]> = {}) {
    const time = { now }
    const clock = () => time.now
    const journal = createJournal({ db, clock, onError: () => {} })
    return {
      time,
      journal,
      counters: createMemoryCounters({ journal, calendar: createCalendar('UTC'), clock, ...options }),
    }
  }

  test.each<[string, number, number | undefined, boolean]>([
    ['are kept for ten minutes', 600_000, undefined, true],
    ['are dropped after that', 600_001, undefined, false],
    ['are kept for five seconds where there are too many', 5000, 1, true],
    ['are dropped after that where there are too many', 5001, 1, false],
    ['are kept where there are just enough', 5001, 2, true],
    ['are dropped as well when the clock was set back', -600_001, undefined, false],
  ])('%s', async (_case, laterMs, maxParties, isKept) => {
    const { time, journal, counters } = aCounter(maxParties === undefined ? {} : { maxParties })
    const parties = [aParty({ perDay: 5 }), aParty({ perDay: 5 })]
    for (const party of parties) await counters.take([party])

    time.now += laterMs
    counters.sweep()

    // What is not known must be read first, which is not done at once.
    time.now = now
    expect(parties.map((party) => counters.takeKnown([party]) !== null)).toEqual([isKept, isKept])
    await journal.close()
  })

  test('keep their share, which would be given anew', async () => {
    const { time, journal, counters } = aCounter({ share: { replicas: 2, rank: 0 } })
    const party = aParty({ perDay: 5 })
    await counters.take([party])

    time.now += 3_600_000
    counters.sweep()

    expect(counters.takeKnown([party])).not.toBeNull()
    await journal.close()
  })
})
