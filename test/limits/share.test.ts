import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createCalendar } from '../../src/limits/calendar.js'
import { createJournal } from '../../src/limits/journal.js'
import { createMemoryCounters } from '../../src/limits/memory.js'
import type { Database } from '../../src/store/database.js'
import { openTestDatabase } from '../support/database.js'
import { aKeeper, aParty, countPassed } from './a-keeper.js'

let db: Database
beforeAll(async () => {
  db = await openTestDatabase()
})
afterAll(() => db.close())

const now = Date.parse('2026-11-21T12:00:00.000Z')

test('the shares of all replicas together are what remains, whoever calls when and writes when', async () => {
  const calls = fc.array(
    fc.record({ rank: fc.nat(3), times: fc.integer({ min: 1, max: 9 }), writes: fc.boolean() }),
  )
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        limit: fc.integer({ min: 1, max: 40 }),
        before: fc.nat(45),
        replicas: fc.integer({ min: 1, max: 4 }),
      }),
      calls,
      async ({ limit, before, replicas }, turns) => {
        const party = aParty({ perDay: limit })
        const shared = aKeeper(db)
        const used = await countPassed(shared, [party], before)
        await shared.close()
        const journals = Array.from({ length: replicas }, () =>
          createJournal({ db, clock: () => now, flushEveryMs: 60_000, onError: () => {} }),
        )
        const replicasOf = journals.map((journal, rank) =>
          createMemoryCounters({
            ...{ journal, calendar: createCalendar('UTC'), clock: () => now, share: { replicas, rank } },
          }),
        )

        let passed = 0
        for (const { rank, times, writes } of turns) {
          const replica = replicasOf[rank % replicas]
          if (replica !== undefined) passed += await countPassed(replica, [party], times)
          if (writes) await journals[rank % replicas]?.flush()
        }

        expect(passed).toBeLessThanOrEqual(limit - used)
        const turned = new Set(turns.map(({ rank }) => rank % replicas))
        if (turned.size === 0) {
          // Nobody has written anything before all have read: nothing of what remained is lost.
          const shares = await Promise.all(replicasOf.map((replica) => countPassed(replica, [party], 50)))
          expect(shares.reduce((sum, share) => sum + share, 0)).toBe(limit - used)
        }
        await Promise.all(journals.map((journal) => journal.close()))
      },
    ),
    { numRuns: 50 },
  )
})

test('of a second every replica has its share, which may be none', async () => {
  const party = aParty({ perSecond: 1 })
  const shares = [0, 1].map((rank) => {
    const journal = createJournal({ db, clock: () => now, onError: () => {} })
    return {
      journal,
      counters: createMemoryCounters({
        ...{ journal, calendar: createCalendar('UTC'), clock: () => now, share: { replicas: 2, rank } },
      }),
    }
  })

  const passed = await Promise.all(shares.map(({ counters }) => countPassed(counters, [party], 3)))

  expect(passed).toEqual([1, 0])
  await Promise.all(shares.map(({ journal }) => journal.close()))
})
