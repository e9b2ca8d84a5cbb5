import { setTimeout as sleep } from 'node:timers/promises'
import type { Database } from '../store/database.js'
import { deleteLimitCounts, notifyLimitReset } from '../store/limit-counters.js'
import { createCalendar } from './calendar.js'
import { createQuotaDescriber } from './headers.js'
import { createJournal } from './journal.js'
import { createMemoryCounters, type MemoryCountersOptions } from './memory.js'
import { createSharedCounters } from './shared.js'
import type { Limiter } from './types.js'

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
  /** Redis or Valkey that replicas share. Default: none, limits hold for this process. */
  redisUrl?: string | undefined
  /** While Redis is away, limited calls go on with this replica's share, or are refused. */
  whenRedisIsDown: 'local' | 'refuse'
  /** Receives one line when Redis is away, and one when it is back. */
  log: { warn(details: object, message: string): void; info(message: string): void }
  /** Called when counts cannot be written, once until they can again. */
  onError: (error: unknown) => void
  /** Called when they can be written again. Default: nothing. */
  onRecovery?: () => void
}

/** Counts calls against limits, and lets administrators look and begin anew. */
export interface LimitKeeper extends Limiter {
  /**
   * Deletes the counters of `key:<id>`, `owner:<subject>` or `group:<id>`, at every replica.
   * @throws StoreUnavailable
   */
  reset(partyId: string): Promise<void>
  /** Writes what is not written yet. */
  close(): Promise<void>
}

const sweepEveryMs = 5000
/** Within this time every replica has received the notice of a reset, and has finished a write under way. */
const writtenAfterMs = 300

/** Limits of this process, or of all replicas that share a Redis; either way days and months outlive it. */
export function createLimitKeeper(options: LimitKeeperOptions): LimitKeeper {
  const { db, headerPrefix: prefix, redisUrl } = options
  const calendar = createCalendar(options.timeZone)
  const home = { ...options, journal: createJournal(options), calendar }
  const counters =
    redisUrl === undefined ? createOwnCounters(home) : createSharedCounters({ ...home, redisUrl })
  const unsubscribe = db.notices.subscribe((change) => {
    if ('limits' in change) drop(change.limits)
  })

  return {
    take: counters.take,
    look: counters.look,
    describe: createQuotaDescriber({ prefix, clock: counters.now }),
    reset,
    close: async () => {
      unsubscribe()
      await counters.close()
      await home.journal.close()
    },
  }

  async function reset(partyId: string): Promise<void> {
    drop(partyId)
    // What replicas are just writing must not come after the deletion.
    if (db.kind === 'postgresql') {
      await notifyLimitReset(db, partyId)
      await sleep(writtenAfterMs)
    }
    await home.journal.flush()
    await deleteLimitCounts(db, partyId)
    await counters.reset(partyId)
  }

  function drop(partyId: string): void {
    home.journal.drop(partyId)
    counters.drop(partyId)
  }
}

/** The counters of a process that shares them with nobody. */
function createOwnCounters(options: MemoryCountersOptions & { db: Database }) {
  const { notices } = options.db
  const counters = createMemoryCounters(options)
  let { epoch } = notices
  const timer = setInterval(keepUp, sweepEveryMs).unref()

  return {
    ...counters,
    reset: async (partyId: string) => counters.drop(partyId),
    now: options.clock,
    close: async () => clearInterval(timer),
  }

  function keepUp(): void {
    counters.sweep()
    if (notices.epoch === epoch) return
    // Another replica may have begun anew what is remembered here.
    epoch = notices.epoch
    counters.dropStored()
  }
}
