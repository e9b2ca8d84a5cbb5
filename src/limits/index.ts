import type { Limiter } from '../auth/types.js'
import type { Database } from '../store/database.js'
import { deleteLimitCounts } from '../store/limit-counters.js'
import { createCalendar } from './calendar.js'
import { createQuotaDescriber } from './headers.js'
import { createJournal } from './journal.js'
import { createMemoryCounters } from './memory.js'

export interface LimitKeeperOptions {
  db: Database
  /** Whose calendar days and months quotas are of. */
  timeZone: string
  /** What the names of the headers begin with, before the hyphen. */
  headerPrefix: string
  /** Milliseconds since the epoch. */
  clock: () => number
  /** How late the stored counters may be. Default 500. */
  flushEveryMs?: number
  /** Hears of counts that cannot be written, once until they can again. */
  onError: (error: unknown) => void
}

/** Counts calls against limits, and lets administrators look and begin anew. */
export interface LimitKeeper extends Limiter {
  /**
   * Forgets what was counted of `key:<id>`, `owner:<subject>` or `group:<id>`, at every replica.
   * @throws StoreUnavailable
   */
  reset(partyId: string): Promise<void>
  /** Writes what is not written yet. */
  close(): Promise<void>
}

const sweepEveryMs = 5000

/** Limits that hold for this process alone; their days and months outlive it. */
export function createLimitKeeper(options: LimitKeeperOptions): LimitKeeper {
  const { db, clock } = options
  const journal = createJournal(options)
  const counters = createMemoryCounters({ journal, calendar: createCalendar(options.timeZone), clock })
  let { epoch } = db.notices
  const timer = setInterval(keepUp, sweepEveryMs).unref()
  const unsubscribe = db.notices.subscribe((change) => {
    if ('limits' in change) forget(change.limits)
  })

  return {
    take: (parties) => counters.take(parties),
    look: (parties) => counters.look(parties),
    describe: createQuotaDescriber({ prefix: options.headerPrefix, clock }),
    reset: async (partyId) => {
      forget(partyId)
      // What is being written must not come after the deletion.
      await journal.flush()
      await deleteLimitCounts(db, partyId)
      forget(partyId)
    },
    close: async () => {
      clearInterval(timer)
      unsubscribe()
      await journal.close()
    },
  }

  function keepUp(): void {
    counters.sweep()
    if (db.notices.epoch === epoch) return
    // Another replica may have begun anew what is remembered here.
    epoch = db.notices.epoch
    counters.forgetAll()
  }

  function forget(partyId: string): void {
    journal.drop(partyId)
    counters.forget(partyId)
  }
}
