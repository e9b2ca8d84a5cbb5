import { writeInBatches } from '../store/batches.js'
import type { Database } from '../store/database.js'
import {
  addLimitCounts,
  deleteOldLimitCounts,
  type LimitCount,
  readLimitCounts,
} from '../store/limit-counters.js'

export type DayCount = Omit<LimitCount, 'party'>

/** The calls of this process on their way to the database. */
export interface Journal {
  /** Notes a call on the day that began then; at once, in memory. */
  add(party: string, dayStart: number): void
  /**
   * The days of a party since then, with all that was noted here before.
   * @throws StoreUnavailable
   */
  read(party: string, since: number): Promise<DayCount[]>
  /** As it is stored, without what is on its way. @throws StoreUnavailable */
  readStored(party: string, since: number): Promise<DayCount[]>
  /** Drops what is not written yet of a party. */
  drop(party: string): void
  /** Writes what was noted; on failure it is kept for the next time. */
  flush(): Promise<void>
  close(): Promise<void>
}

export interface JournalOptions {
  db: Database
  /** Milliseconds since the epoch. */
  clock: () => number
  /** How much a process that is killed forgets, but for the time that writing takes. Default 500. */
  flushEveryMs?: number
  /** Called for a count that cannot be written, and when an outage begins. */
  onError: (error: unknown) => void
  /** Called when an outage is over. Default: nothing. */
  onRecovery?: () => void
}

const purgeEveryMs = 3_600_000
/** Longer than any month, in any time zone. */
const keptMs = 35 * 86_400_000

export const flushEveryMsByDefault = 500

export function createJournal({
  db,
  clock,
  flushEveryMs = flushEveryMsByDefault,
  onError,
  onRecovery = () => {},
}: JournalOptions): Journal {
  let noted = new Map<string, LimitCount>()
  /** Of parties that went on to another day. */
  let earlier: LimitCount[] = []
  let flushing: Promise<void> = Promise.resolve()
  let isFailing = false
  let purgedAt = Number.NEGATIVE_INFINITY
  const timer = setInterval(() => void flushRegularly(), flushEveryMs).unref()

  return { add, read, readStored, drop, flush, close }

  function add(party: string, dayStart: number): void {
    const count = noted.get(party)
    if (count?.dayStart === dayStart) {
      count.used += 1
      return
    }
    if (count !== undefined) earlier.push(count)
    noted.set(party, { party, dayStart, used: 1 })
  }

  async function read(party: string, since: number): Promise<DayCount[]> {
    // Nothing else tells what is noted and not written: a party that is being read is not remembered. What is being
    // written may come back, so it is waited for before.
    await flushing.catch(() => {})
    if (!isEmpty()) await flush()
    return readLimitCounts(db, party, since)
  }

  function readStored(party: string, since: number): Promise<DayCount[]> {
    return readLimitCounts(db, party, since)
  }

  function drop(party: string): void {
    noted.delete(party)
    earlier = earlier.filter((count) => count.party !== party)
  }

  /** One at a time, so that a failed batch is put back before the next is taken. */
  function flush(): Promise<void> {
    flushing = flushing.catch(() => {}).then(write)
    return flushing
  }

  async function write(): Promise<void> {
    const taken = mergeByDay([...earlier, ...noted.values()])
    earlier = []
    noted = new Map()
    await writeInBatches(taken, {
      write: (batch) => addLimitCounts(db, batch),
      putBack: (rest) => earlier.push(...rest),
      onError,
    })
  }

  /** An outage is told once, not twice a second. */
  async function flushRegularly(): Promise<void> {
    try {
      if (!isEmpty()) await flush()
      await purge()
      if (isFailing) onRecovery()
      isFailing = false
    } catch (error) {
      if (!isFailing) onError(error)
      isFailing = true
    }
  }

  async function purge(): Promise<void> {
    if (performance.now() - purgedAt < purgeEveryMs) return
    purgedAt = performance.now()
    await deleteOldLimitCounts(db, clock() - keptMs)
  }

  async function close(): Promise<void> {
    clearInterval(timer)
    // Nobody is left to try again; the process shall end all the same.
    await flush().catch(onError)
  }

  function isEmpty(): boolean {
    return noted.size === 0 && earlier.length === 0
  }
}

/** A statement may add to a row only once. */
function mergeByDay(counts: readonly LimitCount[]): LimitCount[] {
  const merged = new Map<string, LimitCount>()
  for (const count of counts) {
    const id = `${count.dayStart} ${count.party}`
    const known = merged.get(id)
    if (known === undefined) merged.set(id, { ...count })
    else known.used += count.used
  }
  return [...merged.values()]
}
