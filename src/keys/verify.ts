import { LRUCache } from 'lru-cache'
import { type OwnerWatch, trustLastLogin } from '../auth/owner-watch.js'
import type { RefusalRate, Verdict, Verify } from '../auth/types.js'
import type { Database } from '../store/database.js'
import type { VerificationRow } from '../store/keys.js'
import { StoreUnavailable } from '../store/unavailable.js'
import type { UsageCounter } from '../usage/counter.js'
import { KnownKey } from './known-key.js'
import { KnownOwners } from './known-owners.js'
import { createLookUp } from './look-up.js'
import { hasValidChecksum, readKeyId } from './value.js'

export interface KeyVerifierOptions {
  db: Database
  prefix: string
  usage: UsageCounter
  refusals: RefusalRate
  /** Default: what the last login told of an owner serves. */
  owners?: OwnerWatch
  /** How long a key that was read serves when the database cannot be asked, in milliseconds. */
  maxStaleMs: number
  /**
   * How long it serves, without proof that every change of it would have been heard, before the database is asked
   * again; at most `maxStaleMs`. Default 5000.
   */
  freshMs?: number
  /** How long the database may take for a look-up. Default 3000. */
  patienceMs?: number
  /** Keys that are remembered. Default 100,000. */
  maxCached?: number
  /** Milliseconds since the epoch. Default: the system's clock. */
  clock?: () => number
}

export interface KeyVerifier {
  verify: Verify
  /** Drops what is remembered of a key. From its return on, no verdict rests on what was read before. */
  forget(keyId: string): void
  /** The same for every key: keys were switched off or on. */
  forgetAll(): void
  /** The same for every key of an owner. */
  forgetOwner(subject: string): void
  /** The identity provider told, at this time, that what is known of the owner is so. */
  confirmOwner(subject: string, knownAt: number): void
  /** People whose keys were accepted since then. */
  ownersUsedSince(since: number): string[]
}

interface Reading {
  key: Promise<KnownKey | null>
  /** The key changed while it was being read. */
  isOutdated: boolean
}

const unknownForMs = 5000
const maxUnknown = 10_000
const retryDatabaseAfterMs = 1000

const refused: Verdict = { kind: 'refused' }

/** Checks API keys against this service's own store, from memory where what was read is fresh enough. */
export function createKeyVerifier(options: KeyVerifierOptions): KeyVerifier {
  const { prefix, usage, refusals, maxStaleMs, maxCached = 100_000, owners: watch = trustLastLogin } = options
  const { notices } = options.db
  const clock = options.clock ?? Date.now
  const freshMs = Math.min(options.freshMs ?? 5000, maxStaleMs)
  const lookUp = createLookUp(options.db, options.patienceMs ?? 3000)
  const owners = new KnownOwners()
  const keys = new LRUCache<string, KnownKey>({ max: maxCached, dispose: (key) => owners.release(key.owner) })
  // A place of their own: a flood of unknown values must not push out the keys in use.
  const unknown = new LRUCache<string, number>({ max: maxUnknown })
  const readings = new Map<string, Reading>()
  let failedAt: number | undefined

  notices.subscribe((change) => {
    if ('key' in change) forget(change.key)
    if ('owner' in change) owners.forget(change.owner)
    if ('provider' in change) forgetAll()
  })

  return {
    verify,
    forget,
    forgetAll,
    forgetOwner: (subject) => owners.forget(subject),
    confirmOwner: (subject, knownAt) => owners.confirm(subject, knownAt),
    ownersUsedSince: (since) => owners.usedSince(since),
  }

  function verify(value: string, address: string): Verdict | Promise<Verdict> {
    const id = readKeyId(value, prefix)
    if (id === null) return refused
    const now = clock()
    const key = keys.get(id)
    if (key !== undefined && serves(key, freshMs, now)) return decide(key, value, now)
    const unknownSince = key === undefined ? unknown.get(id) : undefined
    if (unknownSince !== undefined && Math.abs(now - unknownSince) < unknownForMs) return refused
    if (!hasValidChecksum(value)) return refused
    if (key !== undefined) return verifyByReading(id, value)
    const retryAfterSeconds = refusals.retryAfterSeconds(address)
    if (retryAfterSeconds > 0) return { kind: 'throttled', retryAfterSeconds }
    return verifyUnseen(id, value, address)
  }

  async function verifyUnseen(id: string, value: string, address: string): Promise<Verdict> {
    const verdict = await verifyByReading(id, value)
    // Who presents a key that was revoked does not guess.
    if (verdict.kind === 'refused' && keys.peek(id)?.isOwn(value) !== true) refusals.count(address)
    return verdict
  }

  async function verifyByReading(id: string, value: string): Promise<Verdict> {
    try {
      // While the database is down, one request a second finds that out for all.
      if (failedAt !== undefined && Math.abs(clock() - failedAt) < retryDatabaseAfterMs)
        throw new RecentFailure()
      const key = await read(id)
      failedAt = undefined
      return key === null ? refused : decide(key, value, clock())
    } catch (cause) {
      const now = clock()
      if (cause instanceof StoreUnavailable) failedAt = now
      // Only what is still held may serve: what was held before may have been dropped, because the key was changed.
      const held = keys.peek(id)
      if (held !== undefined && serves(held, maxStaleMs, now)) return asStale(await decide(held, value, now))
      return { kind: 'unavailable', cause }
    }
  }

  /** Whether what was read of a key is certain as of less than so long ago. */
  function serves(key: KnownKey, lengthMs: number, now: number): boolean {
    if (key.owner.isOutdated) return false
    // In either direction: a clock that was set back must not make old knowledge fresh.
    if (Math.abs(now - key.readAt) < lengthMs) return true
    return key.epoch === notices.epoch && notices.silentForMs() < lengthMs
  }

  /** The verdict of the key and of the identity provider on its owner. */
  function decide(key: KnownKey, value: string, now: number): Verdict | Promise<Verdict> {
    const verdict = key.judge(value, now)
    const { owner } = key
    if (verdict.kind !== 'accepted' || owner.kind === 'server') return verdict
    if (watch.isDisabled(owner.subject)) return refused
    // Only a right value gets here, so nobody else can make this service ask.
    const standing = watch.standing(owner.subject, owner.knownAt, now)
    if (standing === 'look') return lookAndDecide(key, value)
    if (standing === 'unknown') return { kind: 'unavailable', cause: new OwnerUnknown() }
    owner.usedAt = now
    return verdict
  }

  async function lookAndDecide({ principal, owner }: KnownKey, value: string): Promise<Verdict> {
    try {
      await watch.look(owner.subject)
      // The principal of a key always names it.
      const key = await readAgain(principal.keyId as string)
      const now = clock()
      if (key === null || watch.isDisabled(owner.subject)) return refused
      const verdict = key.judge(value, now)
      if (verdict.kind !== 'accepted') return verdict
      if (watch.standing(owner.subject, key.owner.knownAt, now) !== 'current') throw new OwnerUnknown()
      key.owner.usedAt = now
      return verdict
    } catch (cause) {
      return { kind: 'unavailable', cause }
    }
  }

  /** Something may be new; from memory where nothing is, or where the store cannot be asked. */
  async function readAgain(id: string): Promise<KnownKey | null> {
    const held = keys.peek(id)
    if (held !== undefined && serves(held, freshMs, clock())) return held
    try {
      return await read(id)
    } catch (error) {
      const stillHeld = keys.peek(id)
      if (stillHeld !== undefined && serves(stillHeld, maxStaleMs, clock())) return stillHeld
      throw error
    }
  }

  /** Reads a key once for all who wait for it, and again when it changed while it was being read. */
  function read(id: string): Promise<KnownKey | null> {
    const running = readings.get(id)
    if (running !== undefined) return running.key
    // As of the question: the answer may be older than its arrival, never older than that.
    const asked = { at: clock(), epoch: notices.epoch, moment: owners.now() }
    const reading: Reading = { isOutdated: false, key: lookUp(id).then(settle, fail) }
    readings.set(id, reading)
    return reading.key

    function settle(row: VerificationRow | null): KnownKey | null | Promise<KnownKey | null> {
      if (reading.isOutdated) return read(id)
      readings.delete(id)
      if (row === null) {
        keys.delete(id)
        unknown.set(id, clock())
        return null
      }
      if (owners.hasChangedSince(row.subject, asked.moment)) return read(id)
      const key = new KnownKey(row, owners.take(row), asked.at, asked.epoch, usage)
      keys.set(id, key)
      return key
    }

    function fail(error: unknown): never {
      if (readings.get(id) === reading) readings.delete(id)
      throw error
    }
  }

  function forget(id: string) {
    keys.delete(id)
    unknown.delete(id)
    const reading = readings.get(id)
    if (reading !== undefined) reading.isOutdated = true
    readings.delete(id)
  }

  function forgetAll() {
    keys.clear()
    unknown.clear()
    for (const reading of readings.values()) reading.isOutdated = true
    readings.clear()
  }
}

function asStale(verdict: Verdict): Verdict {
  if (verdict.kind !== 'accepted') return verdict
  const { kind, principal, key } = verdict
  return {
    ...{ kind, principal, ...(key === undefined ? {} : { key }) },
    recordUse: (at, address, userAgent) => verdict.recordUse?.(at, address, userAgent),
    isStale: true,
  }
}

class RecentFailure extends Error {
  override readonly name = 'RecentFailure'
  constructor() {
    super('The database could not be asked a moment ago')
  }
}

class OwnerUnknown extends Error {
  override readonly name = 'OwnerUnknown'
  constructor() {
    super('What is known of the owner is too old, and the identity provider cannot be asked')
  }
}
