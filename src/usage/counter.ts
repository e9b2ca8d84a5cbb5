import { findCredential } from '../auth/find-credential.js'
import { writeInBatches } from '../store/batches.js'
import type { Database } from '../store/database.js'
import { addUsage, touchValues, type UsageBatch } from '../store/usage.js'

interface Count {
  total: number
  today: number
  day: string
  lastUsedAt: number
  address: string
  userAgent: string | undefined
}

export interface UsageCounter {
  /** Notes an accepted call of a key; at once, in memory. */
  record(keyId: string, at: number, address: string, userAgent: string | undefined): void
  /** Notes that an old value, within its grace, was used. */
  recordOldValue(valueHash: Buffer, at: number): void
  /** Writes what was counted; on failure it is kept for the next time. */
  flush(): Promise<void>
  /** Stops the timer and writes the rest; what cannot be written is told and lost. */
  close(): Promise<void>
}

export interface UsageCounterOptions {
  db: Database
  /** How late the stored counters may be. Default 1000. */
  flushEveryMs?: number
  /** Hears of a count that cannot be written, and of the beginning of an outage. */
  onError: (error: unknown) => void
  /** Called when the outage is over. Default: nothing. */
  onRecovery?: () => void
}

const maxUserAgentLength = 256
/** A credential of ours is shorter, also under escapes. So one that begins in the part that is kept is found whole. */
const maxCredentialLength = 1024

/**
 * Cuts a text that a client chose, because some clients put the key into it and its owner is shown it. Reads no more than
 * a part of it, because a header may have 16 kB.
 */
function describeUserAgent(text: string | undefined): string | null {
  if (text === undefined) return null
  const found = findCredential(text.slice(0, maxUserAgentLength + maxCredentialLength))
  return found === null ? text.slice(0, maxUserAgentLength) : `not kept: it held ${found}`
}

/** Counts calls in memory and adds them to the stored counters in batches, so that a check writes nothing. */
export function createUsageCounter(options: UsageCounterOptions): UsageCounter {
  const { db, flushEveryMs = 1000, onError, onRecovery = () => {} } = options
  let counts = new Map<string, Count>()
  let oldValues = new Map<string, number>()
  let flushing: Promise<void> = Promise.resolve()
  let isFailing = false
  const timer = setInterval(() => void flushRegularly(), flushEveryMs)
  timer.unref()

  return { record, recordOldValue, flush, close }

  function record(keyId: string, at: number, address: string, userAgent: string | undefined) {
    const count = counts.get(keyId)
    if (count === undefined) {
      counts.set(keyId, { total: 1, today: 1, day: dayOf(at), lastUsedAt: at, address, userAgent })
      return
    }
    count.total += 1
    if (sameDay(at, count.lastUsedAt)) count.today += 1
    else {
      count.today = 1
      count.day = dayOf(at)
    }
    count.lastUsedAt = at
    count.address = address
    count.userAgent = userAgent
  }

  function recordOldValue(valueHash: Buffer, at: number) {
    oldValues.set(valueHash.toString('hex'), at)
  }

  /** One at a time, so that a failed batch is put back before the next is taken. */
  function flush(): Promise<void> {
    flushing = flushing
      .catch(() => {})
      .then(writeCounts)
      .then(writeOldValues)
    return flushing
  }

  /** An outage is told once, not every second. */
  async function flushRegularly() {
    try {
      await flush()
      if (isFailing) onRecovery()
      isFailing = false
    } catch (error) {
      if (!isFailing) onError(error)
      isFailing = true
    }
  }

  async function writeCounts() {
    const taken = [...counts].sort(([one], [other]) => (one < other ? -1 : 1))
    counts = new Map()
    await writeInBatches(taken, {
      write: (batch) => addUsage(db, batch.map(asBatch)),
      putBack: (rest) => {
        for (const [keyId, count] of rest) putBack(keyId, count)
      },
      onError,
    })
  }

  async function writeOldValues() {
    if (oldValues.size === 0) return
    const taken = oldValues
    oldValues = new Map()
    try {
      await touchValues(
        db,
        [...taken].map(([hex, at]) => ({ hash: Buffer.from(hex, 'hex'), at: new Date(at) })),
      )
    } catch (error) {
      oldValues = new Map([...taken, ...oldValues])
      throw error
    }
  }

  function putBack(keyId: string, older: Count) {
    const newer = counts.get(keyId)
    if (newer === undefined) counts.set(keyId, older)
    else {
      newer.total += older.total
      if (newer.day === older.day) newer.today += older.today
    }
  }

  async function close() {
    clearInterval(timer)
    // Nobody is left to try again; the process shall end all the same.
    await flush().catch(onError)
  }
}

function asBatch([keyId, count]: [string, Count]): UsageBatch {
  return {
    keyId,
    total: count.total,
    today: count.today,
    day: count.day,
    lastUsedAt: new Date(count.lastUsedAt),
    lastUsedIp: count.address,
    lastUserAgent: describeUserAgent(count.userAgent),
  }
}

const dayMs = 86_400_000
const sameDay = (one: number, other: number) => Math.floor(one / dayMs) === Math.floor(other / dayMs)
const dayOf = (at: number) => new Date(at).toISOString().slice(0, 10)
