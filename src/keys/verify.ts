import { LRUCache } from 'lru-cache'
import { type OwnerWatch, trustLastLogin } from '../auth/owner-watch.js'
import type { RefusalRate, Verdict, Verify } from '../auth/types.js'
import type { Sealer } from '../secrets/sealing.js'
import type { Database } from '../store/database.js'
import { findKeysToVerify, type VerificationRow } from '../store/keys.js'
import { isCertain } from '../store/notices.js'
import { StoreUnavailable } from '../store/unavailable.js'
import type { UsageCounter } from '../usage/counter.js'
import { createLookUp } from './batched-lookup.js'
import { KnownKey } from './cached-key.js'
import { KnownOwners } from './cached-owners.js'
import { hashOf, ImportedValues } from './imported-values.js'
import { type KeySwitch, refuseWhileOff } from './key-switch.js'
import { type HeldToken, judgeToken, SignedTokens } from './signed-tokens.js'
import { hasValidChecksum, readKeyId } from './value.js'

export interface KeyVerifierOptions {
  db: Database
  prefix: string
  usage: UsageCounter
  refusals: RefusalRate
  /** Opens the secrets of keys that sign JWTs. Default null: no such JWT is accepted. */
  sealer?: Sealer | null
  /** Default: what the last login told of an owner serves. */
  owners?: OwnerWatch
  /** Where a file switches keys off and on; left out: an administrator does. */
  keySwitch?: KeySwitch
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
  /** A key's value. */
  verify: Verify
  /**
   * What else opens a key, as `judge` tells of the key as it is now; of its owner this tells. At once where the key is
   * in memory.
   */
  verifyBy(keyId: string, judge: Judge): Verdict | Promise<Verdict>
  /** A JWT that a key signed. */
  verifyToken: Verify
  /** Drops what is remembered of a key. From its return on, no verdict rests on what was read before. */
  invalidate(keyId: string): void
  /** The same for every key: keys were switched off or on. */
  invalidateAll(): void
  /** The same for every key of an owner. */
  invalidateOwner(subject: string): void
  /** The identity provider told, at this time, that what is known of the owner is so. */
  confirmOwner(subject: string, knownAt: number): void
  /** People whose keys were accepted since then. */
  ownersUsedSince(since: number): string[]
}

/** What the presented credential opens, as far as the key itself tells. */
export type Judge = (key: KnownKey, now: number) => Verdict

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
  const { keySwitch } = options
  const { notices } = options.db
  const clock = options.clock ?? Date.now
  const mark = `${prefix}_`
  const freshMs = Math.min(options.freshMs ?? 5000, maxStaleMs)
  const patienceMs = options.patienceMs ?? 3000
  const lookUp = createLookUp<VerificationRow>(async (ids) => {
    const rows = await findKeysToVerify(options.db, ids)
    return new Map(rows.map((row) => [row.id, keySwitch === undefined ? row : withoutProvider(row)]))
  }, patienceMs)
  const owners = new KnownOwners()
  const imported = new ImportedValues({ db: options.db, patienceMs, freshMs, clock })
  const tokens = options.sealer ? new SignedTokens({ sealer: options.sealer, clock }) : null
  const keys = new LRUCache<string, KnownKey>({ max: maxCached, dispose: release })
  // A place of their own: a flood of unknown values must not push out the keys in use.
  const unknown = new LRUCache<string, number>({ max: maxUnknown })
  const readings = new Map<string, Reading>()
  let failedAt: number | undefined

  notices.subscribe((change) => {
    if ('key' in change) invalidate(change.key)
    if ('owner' in change) owners.invalidate(change.owner)
    if ('provider' in change) invalidateAll()
  })

  return {
    verify: keySwitch === undefined ? verify : refuseWhileOff(keySwitch, verify),
    verifyBy: keySwitch === undefined ? verifyBy : refuseWhileOff(keySwitch, verifyBy),
    verifyToken: keySwitch === undefined ? verifyToken : refuseWhileOff(keySwitch, verifyToken),
    invalidate,
    invalidateAll,
    invalidateOwner: (subject) => owners.invalidate(subject),
    confirmOwner: (subject, knownAt) => owners.confirm(subject, knownAt),
    ownersUsedSince: (since) => owners.usedSince(since),
  }

  function verify(value: string, address: string): Verdict | Promise<Verdict> {
    const id = readKeyId(value, prefix)
    if (id === null) return value.startsWith(mark) ? refused : verifyImported(value, address)
    const judge: Judge = (key, at) => key.judge(value, at)
    const now = clock()
    const key = keys.get(id)
    if (key !== undefined && serves(key, freshMs, now)) return decide(key, judge, now)
    if (key === undefined && isUnknown(id, now)) return refused
    if (!hasValidChecksum(value)) return refused
    if (key !== undefined) return verifyByReading(id, judge)
    return throttle(address) ?? countGuess(verifyByReading(id, judge), id, value, address)
  }

  function verifyBy(keyId: string, judge: Judge): Verdict | Promise<Verdict> {
    const now = clock()
    const key = keys.get(keyId)
    if (key !== undefined && serves(key, freshMs, now)) return decide(key, judge, now)
    return key === undefined && isUnknown(keyId, now) ? refused : verifyByReading(keyId, judge)
  }

  /** A value that was made elsewhere: whose it is, only its hash tells. */
  function verifyImported(value: string, address: string): Verdict | Promise<Verdict> {
    const hash = hashOf(value)
    const judge: Judge = (key, at) => key.judge(value, at)
    const now = clock()
    const id = imported.heldId(hash)
    if (id !== undefined) return verifyBy(id, judge)
    if (imported.isMissing(hash, now)) return refused
    return throttle(address) ?? verifyUnseen()

    async function verifyUnseen(): Promise<Verdict> {
      try {
        requireStore()
        if (!(await imported.areThereAny())) return refused
        const found = await imported.look(hash)
        if (found !== null) return countGuess(verifyByReading(found, judge), found, value, address)
        refusals.count(address)
        return refused
      } catch (cause) {
        noteFailure(cause)
        return imported.areNone(maxStaleMs, clock()) ? refused : { kind: 'unavailable', cause }
      }
    }
  }

  function verifyToken(token: string, address: string): Verdict | Promise<Verdict> {
    if (tokens === null) return refused
    const now = clock()
    const held = tokens.recall(token, now)
    if (held === undefined) return verifyUnseenToken(tokens, token, address, now)
    return verifyBy(held.keyId, judgeBy(held))
  }

  function verifyUnseenToken(
    tokens: SignedTokens,
    token: string,
    address: string,
    now: number,
  ): Verdict | Promise<Verdict> {
    const id = tokens.readKeyId(token)
    if (id === null || isUnknown(id, now)) return refused
    const throttled = throttle(address)
    if (throttled !== null) return throttled
    const verifyBy = (key: KnownKey) => verifySignature(tokens, key, id, token)
    const key = keys.get(id)
    const isFresh = key !== undefined && serves(key, freshMs, now)
    return countRefusal(isFresh ? verifyBy(key) : withReadKey(id, verifyBy), address)
  }

  async function verifySignature(
    tokens: SignedTokens,
    key: KnownKey,
    id: string,
    token: string,
  ): Promise<Verdict> {
    try {
      const held = await tokens.verify(key, id, token)
      if (held === null) return refused
      // The key may have changed while its signature was looked at: then it is read anew.
      return keys.peek(id) === key ? decide(key, judgeBy(held), clock()) : verifyByReading(id, judgeBy(held))
    } catch (cause) {
      return { kind: 'unavailable', cause }
    }
  }

  function judgeBy(held: HeldToken): Judge {
    return (key, now) => judgeToken(key, held, now)
  }

  /** The verdict for an address that must wait with what was not seen before; null: it need not. */
  function throttle(address: string): Verdict | null {
    const retryAfterSeconds = refusals.retryAfterSeconds(address)
    return retryAfterSeconds > 0 ? { kind: 'throttled', retryAfterSeconds } : null
  }

  async function countRefusal(verifying: Promise<Verdict>, address: string): Promise<Verdict> {
    const verdict = await verifying
    if (verdict.kind === 'refused') refusals.count(address)
    return verdict
  }

  async function countGuess(
    verifying: Promise<Verdict>,
    id: string,
    value: string,
    address: string,
  ): Promise<Verdict> {
    const verdict = await verifying
    // Who presents a key that was revoked does not guess.
    if (verdict.kind === 'refused' && keys.peek(id)?.isOwn(value) !== true) refusals.count(address)
    return verdict
  }

  function verifyByReading(id: string, judge: Judge): Promise<Verdict> {
    return withReadKey(id, (key) => decide(key, judge, clock()))
  }

  /** Reads the key and passes it on, or the one that is held where the store cannot be asked. */
  async function withReadKey(
    id: string,
    verifyBy: (key: KnownKey) => Verdict | Promise<Verdict>,
  ): Promise<Verdict> {
    try {
      requireStore()
      const key = await read(id)
      failedAt = undefined
      return key === null ? refused : verifyBy(key)
    } catch (cause) {
      noteFailure(cause)
      // Only what is still held may serve: what was held before may have been dropped, because the key was changed.
      const held = keys.peek(id)
      if (held !== undefined && serves(held, maxStaleMs, clock())) return asStale(await verifyBy(held))
      return { kind: 'unavailable', cause }
    }
  }

  /** While the database is down, one request a second finds that out for all. */
  function requireStore(): void {
    if (failedAt !== undefined && Math.abs(clock() - failedAt) < retryDatabaseAfterMs)
      throw new RecentFailure()
  }

  function noteFailure(cause: unknown): void {
    if (cause instanceof StoreUnavailable) failedAt = clock()
  }

  function isUnknown(id: string, now: number): boolean {
    const since = unknown.get(id)
    return since !== undefined && Math.abs(now - since) < unknownForMs
  }

  /** Whether what was read of a key is certain as of less than so long ago. */
  function serves(key: KnownKey, lengthMs: number, now: number): boolean {
    return !key.owner.isOutdated && isCertain(notices, key, lengthMs, now)
  }

  /** The verdict of the key and of the identity provider on its owner. */
  function decide(key: KnownKey, judge: Judge, now: number): Verdict | Promise<Verdict> {
    const verdict = judge(key, now)
    const { owner } = key
    if (verdict.kind !== 'accepted' || owner.kind === 'server') return verdict
    if (watch.isDisabled(owner.subject)) return refused
    // Only a right value gets here, so nobody else can make this service ask.
    const standing = watch.standing(owner.subject, owner.knownAt, now)
    if (standing === 'look') return lookAndDecide(key, judge)
    if (standing === 'unknown') return { kind: 'unavailable', cause: new OwnerUnknown() }
    owner.usedAt = now
    return verdict
  }

  async function lookAndDecide({ principal, owner }: KnownKey, judge: Judge): Promise<Verdict> {
    try {
      await watch.look(owner.subject)
      // The principal of a key always names it.
      const key = await readAgain(principal.keyId as string)
      const now = clock()
      if (key === null || watch.isDisabled(owner.subject)) return refused
      const verdict = judge(key, now)
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
      if (row.imported) imported.hold(key.hashes, id)
      return key
    }

    function fail(error: unknown): never {
      if (readings.get(id) === reading) readings.delete(id)
      throw error
    }
  }

  function release(key: KnownKey) {
    owners.release(key.owner)
    if (key.isImported) imported.release(key.hashes)
  }

  function invalidate(id: string) {
    imported.noteChange()
    keys.delete(id)
    unknown.delete(id)
    const reading = readings.get(id)
    if (reading !== undefined) reading.isOutdated = true
    readings.delete(id)
  }

  function invalidateAll() {
    keys.clear()
    unknown.clear()
    for (const reading of readings.values()) reading.isOutdated = true
    readings.clear()
  }
}

/** Where a file decides, what is stored does not. */
const withoutProvider = (row: VerificationRow): VerificationRow => ({ ...row, provider_disabled: false })

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
