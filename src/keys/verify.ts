import { timingSafeEqual } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { compileRanges } from '../addresses.js'
import type { Principal, RefusalRate, Verdict, Verify } from '../auth/types.js'
import type { Database } from '../store/database.js'
import type { VerificationRow } from '../store/keys.js'
import { StoreUnavailable } from '../store/unavailable.js'
import type { UsageCounter } from '../usage/counter.js'
import { createLookUp } from './look-up.js'
import { grantedScopes } from './scopes.js'
import { hashPresented, hasValidChecksum, readKeyId } from './value.js'

export interface KeyVerifierOptions {
  db: Database
  prefix: string
  usage: UsageCounter
  refusals: RefusalRate
  /** How long a key that was read serves when the database cannot be asked, in milliseconds. */
  maxStaleMs: number
  /**
   * How long it serves before the database is asked again, at most `maxStaleMs`. Default 5000, since another replica
   * may have changed it.
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
}

/** A key as it was read: everything that does not depend on the time is decided here, once. */
interface Entry {
  readonly readAt: number
  readonly isOpen: boolean
  /** Milliseconds since the epoch; Infinity: never. */
  readonly expiresAt: number
  readonly valueHash: Buffer
  readonly accepted: Verdict
  readonly oldValues: readonly { hash: Buffer; validUntil: number; accepted: Verdict }[]
}

interface Reading {
  entry: Promise<Entry | null>
  /** The key changed while it was being read. */
  isOutdated: boolean
}

const unknownForMs = 5000
const maxUnknown = 10_000
const retryDatabaseAfterMs = 1000

const refused: Verdict = { kind: 'refused' }

/** Checks API keys against this service's own store, from memory where what was read is fresh enough. */
export function createKeyVerifier(options: KeyVerifierOptions): KeyVerifier {
  const { prefix, usage, refusals, maxStaleMs, maxCached = 100_000 } = options
  const clock = options.clock ?? Date.now
  const freshMs = Math.min(options.freshMs ?? 5000, maxStaleMs)
  const lookUp = createLookUp(options.db, options.patienceMs ?? 3000)
  const entries = new LRUCache<string, Entry>({ max: maxCached })
  // A place of their own: a flood of unknown values must not push out the keys in use.
  const unknown = new LRUCache<string, number>({ max: maxUnknown })
  const readings = new Map<string, Reading>()
  let failedAt: number | undefined

  return { verify, forget }

  function verify(value: string, address: string): Verdict | Promise<Verdict> {
    const id = readKeyId(value, prefix)
    if (id === null) return refused
    const now = clock()
    const entry = entries.get(id)
    if (entry !== undefined && isWithin(freshMs, entry.readAt, now)) return judge(entry, value, now)
    const unknownSince = entry === undefined ? unknown.get(id) : undefined
    if (unknownSince !== undefined && isWithin(unknownForMs, unknownSince, now)) return refused
    if (!hasValidChecksum(value)) return refused
    if (entry !== undefined) return verifyByReading(id, value, address, entry)
    const retryAfterSeconds = refusals.retryAfterSeconds(address)
    if (retryAfterSeconds > 0) return { kind: 'throttled', retryAfterSeconds }
    return verifyByReading(id, value, address, undefined)
  }

  async function verifyByReading(
    id: string,
    value: string,
    address: string,
    known: Entry | undefined,
  ): Promise<Verdict> {
    try {
      // While the database is down, one request a second finds that out for all.
      if (failedAt !== undefined && isWithin(retryDatabaseAfterMs, failedAt, clock()))
        throw new RecentFailure()
      const entry = await read(id)
      failedAt = undefined
      const verdict = entry === null ? refused : judge(entry, value, clock())
      if (verdict.kind === 'refused' && known === undefined) refusals.count(address)
      return verdict
    } catch (cause) {
      const now = clock()
      if (cause instanceof StoreUnavailable) failedAt = now
      // `known` may have been dropped meanwhile, because the key was changed: only what is still held may serve.
      const held = entries.peek(id)
      if (held !== undefined && isWithin(maxStaleMs, held.readAt, now)) return judge(held, value, now)
      return { kind: 'unavailable', cause }
    }
  }

  /** Reads a key once for all who wait for it, and again when it changed while it was being read. */
  function read(id: string): Promise<Entry | null> {
    const running = readings.get(id)
    if (running !== undefined) return running.entry
    const readAt = clock()
    const reading: Reading = { isOutdated: false, entry: lookUp(id).then(settle, fail) }
    readings.set(id, reading)
    return reading.entry

    function settle(row: VerificationRow | null): Entry | null | Promise<Entry | null> {
      if (reading.isOutdated) return read(id)
      readings.delete(id)
      if (row === null) {
        entries.delete(id)
        unknown.set(id, clock())
        return null
      }
      // As of the question: the answer may be older than its arrival, never older than that.
      const entry = asEntry(row, readAt, usage)
      entries.set(id, entry)
      return entry
    }

    function fail(error: unknown): never {
      if (readings.get(id) === reading) readings.delete(id)
      throw error
    }
  }

  function forget(id: string) {
    entries.delete(id)
    unknown.delete(id)
    const reading = readings.get(id)
    if (reading !== undefined) reading.isOutdated = true
    readings.delete(id)
  }
}

class RecentFailure extends Error {
  override readonly name = 'RecentFailure'
  constructor() {
    super('The database could not be asked a moment ago')
  }
}

function judge(entry: Entry, value: string, now: number): Verdict {
  if (!entry.isOpen || now >= entry.expiresAt) return refused
  // Hash before comparing: the time it takes speaks of a hash, not of the secret.
  const presented = hashPresented(value)
  if (timingSafeEqual(presented, entry.valueHash)) return entry.accepted
  for (const old of entry.oldValues) {
    if (timingSafeEqual(presented, old.hash)) return now < old.validUntil ? old.accepted : refused
  }
  return refused
}

/** Distance in either direction: a clock that was set back must not make old knowledge fresh. */
const isWithin = (lengthMs: number, since: number, now: number) => Math.abs(now - since) < lengthMs

function asEntry(row: VerificationRow, readAt: number, usage: UsageCounter): Entry {
  const { id } = row
  const expiresAt = row.expires_at?.getTime() ?? Number.POSITIVE_INFINITY
  const accepted = {
    kind: 'accepted',
    principal: asPrincipal(row),
    key: {
      readOnly: row.read_only,
      allowedReferers: row.allowed_referers.length === 0 ? null : row.allowed_referers,
      allowsAddress: row.allowed_ips.length === 0 ? null : compileRanges(row.allowed_ips),
      expiresAt,
    },
    recordUse: (at, address, userAgent) => usage.record(id, at, address, userAgent),
  } satisfies Verdict
  const values = row.hashes.map((hash, at) => ({ hash, validUntil: row.valid_untils[at] ?? null }))
  return {
    readAt,
    isOpen: row.enabled && row.revoked_at === null && row.owner_enabled,
    expiresAt,
    valueHash: values.find(({ validUntil }) => validUntil === null)?.hash ?? Buffer.alloc(32),
    accepted,
    oldValues: values.flatMap(({ hash, validUntil }) =>
      validUntil === null
        ? []
        : [{ hash, validUntil: validUntil.getTime(), accepted: countingOldValue(accepted, hash, usage) }],
    ),
  }
}

function countingOldValue(
  accepted: Verdict & { kind: 'accepted' },
  hash: Buffer,
  usage: UsageCounter,
): Verdict {
  return {
    ...accepted,
    recordUse: (at, address, userAgent) => {
      accepted.recordUse?.(at, address, userAgent)
      usage.recordOldValue(hash, at)
    },
  }
}

function asPrincipal(row: VerificationRow): Principal {
  return Object.freeze<Principal>({
    subject: row.subject,
    login: row.login,
    name: row.owner_name,
    email: row.email,
    kind: row.kind,
    via: 'api-key',
    roles: row.rights,
    scopes: grantedScopes(row.scopes, row.rights),
    attributes: row.attributes,
    config: row.config,
    keyId: row.id,
  })
}
