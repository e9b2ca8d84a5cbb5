import { LRUCache } from 'lru-cache'
import type { Database } from '../store/database.js'
import { findKeysToVerify, type VerificationRow } from '../store/keys.js'
import { isCertain } from '../store/notices.js'
import type { UsageCounter } from '../usage/counter.js'
import { createLookUp } from './batched-lookup.js'
import { CachedKey } from './cached-key.js'
import { CachedOwners, type Moment } from './cached-owners.js'
import { ImportedValues } from './imported-values.js'

export interface KeyCacheOptions {
  db: Database
  /** Counts the accepted uses of a key. */
  usage: UsageCounter
  /** Whether a file switches keys off and on, so that the switch in the database does not count. */
  ignoresStoredSwitch: boolean
  /** How long a key serves without proof that notices of its changes arrive, in milliseconds. */
  freshMs: number
  /** How long the database may take for a look-up, in milliseconds. */
  patienceMs: number
  maxCached: number
  /** Milliseconds since the epoch. */
  clock: () => number
}

/** One look-up, shared by all who wait for the same key. */
interface Reading {
  key: Promise<CachedKey | null>
  /** The key changed during the look-up, so that its result must not be kept. */
  isOutdated: boolean
}

/** When a look-up was begun: its result may be older than its arrival, but never older than this. */
interface Asked {
  at: number
  epoch: number
  moment: Moment
}

const unknownForMs = 5000
const maxUnknown = 10_000

/** Remembers keys and unknown ids, and invalidates them on every change, here or at another replica. */
export class KeyCache {
  /** Values that were made elsewhere, which only their hashes lead to a key. */
  readonly imported: ImportedValues
  readonly #options: KeyCacheOptions
  readonly #owners = new CachedOwners()
  readonly #keys: LRUCache<string, CachedKey>
  /** A cache of their own: a flood of unknown values must not push out the keys in use. */
  readonly #unknown = new LRUCache<string, number>({ max: maxUnknown })
  readonly #readings = new Map<string, Reading>()
  readonly #lookUp: (id: string) => Promise<VerificationRow | null>

  constructor(options: KeyCacheOptions) {
    const { db, patienceMs, freshMs, maxCached, clock } = options
    this.#options = options
    this.imported = new ImportedValues({ db, patienceMs, freshMs, clock })
    this.#keys = new LRUCache({ max: maxCached, dispose: (key) => this.#release(key) })
    this.#lookUp = createLookUp(async (ids) => {
      const rows = await findKeysToVerify(db, ids)
      return new Map(rows.map((row) => [row.id, row]))
    }, patienceMs)
    db.notices.subscribe((change) => {
      if ('key' in change) this.invalidate(change.key)
      if ('owner' in change) this.invalidateOwner(change.owner)
      if ('keySwitch' in change) this.invalidateAll()
    })
  }

  /** The key as it was read last; undefined: it is not held. Counts as a use, so that keys in use stay longest. */
  get(id: string): CachedKey | undefined {
    return this.#keys.get(id)
  }

  /** The same, without counting as a use. */
  peek(id: string): CachedKey | undefined {
    return this.#keys.peek(id)
  }

  /** Whether the key may be used without a look-up. */
  isFresh(key: CachedKey, now: number): boolean {
    return this.isNoOlder(key, this.#options.freshMs, now)
  }

  /** Whether the key is certain to be as it was less than `lengthMs` ago. */
  isNoOlder(key: CachedKey, lengthMs: number, now: number): boolean {
    return !key.owner.isOutdated && isCertain(this.#options.db.notices, key, lengthMs, now)
  }

  /** Whether a look-up found no such key, a moment ago. */
  isUnknown(id: string, now: number): boolean {
    const since = this.#unknown.get(id)
    return since !== undefined && Math.abs(now - since) < unknownForMs
  }

  /**
   * Reads a key from the store: once for all who wait for it, and again when it changed meanwhile.
   * @returns null: there is no such key
   * @throws StoreUnavailable, TooManyLookUps
   */
  read(id: string): Promise<CachedKey | null> {
    const running = this.#readings.get(id)
    if (running !== undefined) return running.key
    const { clock, db } = this.#options
    const asked = { at: clock(), epoch: db.notices.epoch, moment: this.#owners.now() }
    const reading: Reading = {
      isOutdated: false,
      key: this.#lookUp(id).then(
        (row) => this.#keep(id, row, reading, asked),
        (error) => {
          if (this.#readings.get(id) === reading) this.#readings.delete(id)
          throw error
        },
      ),
    }
    this.#readings.set(id, reading)
    return reading.key
  }

  #keep(
    id: string,
    row: VerificationRow | null,
    reading: Reading,
    asked: Asked,
  ): CachedKey | null | Promise<CachedKey | null> {
    if (reading.isOutdated) return this.read(id)
    this.#readings.delete(id)
    if (row === null) {
      this.#keys.delete(id)
      this.#unknown.set(id, this.#options.clock())
      return null
    }
    if (this.#owners.hasChangedSince(row.subject, asked.moment)) return this.read(id)
    const { usage, ignoresStoredSwitch } = this.#options
    const decisive = ignoresStoredSwitch ? { ...row, keys_off: false } : row
    const key = new CachedKey(decisive, this.#owners.take(row), asked.at, asked.epoch, usage)
    this.#keys.set(id, key)
    if (row.imported) this.imported.hold(key.hashes, id)
    return key
  }

  #release(key: CachedKey): void {
    this.#owners.release(key.owner)
    if (key.isImported) this.imported.release(key.hashes)
  }

  /** Drops a key. From the return on, no verdict rests on what was read of it before. */
  invalidate(id: string): void {
    this.imported.noteChange()
    this.#keys.delete(id)
    this.#unknown.delete(id)
    const reading = this.#readings.get(id)
    if (reading !== undefined) reading.isOutdated = true
    this.#readings.delete(id)
  }

  /** Drops every key, because keys were switched off or on. */
  invalidateAll(): void {
    this.#keys.clear()
    this.#unknown.clear()
    for (const reading of this.#readings.values()) reading.isOutdated = true
    this.#readings.clear()
  }

  /** Drops every key of an owner. */
  invalidateOwner(subject: string): void {
    this.#owners.invalidate(subject)
  }

  /** The identity provider said, at this time, that what is known of the owner holds. */
  confirmOwner(subject: string, knownAt: number): void {
    this.#owners.confirm(subject, knownAt)
  }

  /** People whose keys were accepted since then. */
  ownersUsedSince(since: number): string[] {
    return this.#owners.usedSince(since)
  }
}
