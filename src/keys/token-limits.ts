import { LRUCache } from 'lru-cache'
import type { Verdict, Verify } from '../auth/types.js'
import { asLimits, asParty } from '../limits/party.js'
import type { LimitedParty } from '../limits/types.js'
import type { Database } from '../store/database.js'
import { type Asked, isCertain } from '../store/notices.js'
import { findLimitsOfOwners } from '../store/owners.js'
import { StoreUnavailable } from '../store/unavailable.js'
import { createLookUp } from './batched-lookup.js'

export interface TokenLimitsOptions {
  db: Database
  /** How long limits that were read serve when the database cannot be asked, in milliseconds. */
  maxStaleMs: number
  /** How long they serve without proof that notices of changes arrive. Default 5000. */
  freshMs?: number
  /** How long the database may take for a look-up, in milliseconds. Default 3000. */
  patienceMs?: number
  /** Owners in memory. Default 100,000. */
  maxCached?: number
  /** Milliseconds since the epoch. */
  clock: () => number
}

export interface TokenLimits {
  /** Wraps the check of OAuth2 tokens: the calls of each count against the limits of its owner. */
  countTokens(verify: Verify): Verify
  /** Drops the limits of an owner from memory. */
  invalidate(subject: string): void
}

/** The limits of an owner as they were read; null: none, also for an unknown owner. */
interface HeldLimits extends Asked {
  readonly limited: readonly LimitedParty[] | null
}

interface Reading {
  readonly limits: Promise<HeldLimits>
  isOutdated: boolean
}

type Accepted = Verdict & { kind: 'accepted' }

const retryAfterMs = 1000

/** Looks up the limits of the owners of OAuth2 tokens, from memory while they are fresh enough. */
export function createTokenLimits(options: TokenLimitsOptions): TokenLimits {
  const { db, maxStaleMs, patienceMs = 3000, clock } = options
  const freshMs = Math.min(options.freshMs ?? 5000, maxStaleMs)
  const cache = new LRUCache<string, HeldLimits>({ max: options.maxCached ?? 100_000 })
  const readings = new Map<string, Reading>()
  const lookUp = createLookUp(async (subjects) => {
    const rows = await findLimitsOfOwners(db, subjects)
    return new Map(rows.map((row) => [row.subject, row]))
  }, patienceMs)
  /** The last failure of the store; undefined: it has answered since. */
  let failedAt: number | undefined
  db.notices.subscribe((change) => {
    if ('owner' in change) invalidate(change.owner)
  })

  return { countTokens, invalidate }

  function countTokens(verify: Verify): Verify {
    return (token, address, call, access) => {
      const verdict = verify(token, address, call, access)
      return verdict instanceof Promise ? verdict.then(addLimits) : addLimits(verdict)
    }
  }

  function addLimits(verdict: Verdict): Verdict | Promise<Verdict> {
    if (verdict.kind !== 'accepted') return verdict
    const { subject } = verdict.principal
    const held = cache.get(subject)
    if (held !== undefined && isCertain(db.notices, held, freshMs, clock())) return limit(verdict, held)
    return readAndLimit(verdict, subject)
  }

  async function readAndLimit(verdict: Accepted, subject: string): Promise<Verdict> {
    try {
      return limit(verdict, await read(subject))
    } catch (cause) {
      // Only limits that are held now may serve, because a change may have dropped earlier ones.
      const held = cache.peek(subject)
      const mayServe = held !== undefined && isCertain(db.notices, held, maxStaleMs, clock())
      return mayServe ? limit(verdict, held) : { kind: 'unavailable', cause }
    }
  }

  /** Shares one look-up among all calls of the same owner. @throws StoreUnavailable, TooManyLookUps, RecentFailure */
  function read(subject: string): Promise<HeldLimits> {
    const running = readings.get(subject)
    if (running !== undefined) return running.limits
    const reading: Reading = { isOutdated: false, limits: ask(subject) }
    readings.set(subject, reading)
    const end = (held?: HeldLimits) => {
      // The answer may lack a change that came during the look-up.
      if (reading.isOutdated) return
      readings.delete(subject)
      if (held !== undefined) cache.set(subject, held)
    }
    reading.limits.then(end, () => end())
    return reading.limits
  }

  async function ask(subject: string): Promise<HeldLimits> {
    // One request a second finds out for all whether the database is back.
    if (failedAt !== undefined && Math.abs(clock() - failedAt) < retryAfterMs) throw new RecentFailure()
    const asked = { readAt: clock(), epoch: db.notices.epoch }
    try {
      const row = await lookUp(subject)
      failedAt = undefined
      const limits = row && asLimits(row.limit_per_second, row.limit_per_day, row.limit_per_month)
      const party = asParty(`owner:${subject}`, limits)
      return { ...asked, limited: party && [party] }
    } catch (error) {
      if (error instanceof StoreUnavailable) failedAt = clock()
      throw error
    }
  }

  /** Drops limits that were read before: no later call uses them. */
  function invalidate(subject: string): void {
    cache.delete(subject)
    const reading = readings.get(subject)
    if (reading !== undefined) reading.isOutdated = true
    readings.delete(subject)
  }
}

const limit = (verdict: Accepted, { limited }: HeldLimits): Accepted => ({ ...verdict, limited })

class RecentFailure extends Error {
  override readonly name = 'RecentFailure'
  constructor() {
    super('The database could not be asked a moment ago')
  }
}
