import { hash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { Database } from '../store/database.js'
import { findImportedValues, hasImportedKeys, type ImportedValue } from '../store/keys.js'
import { type Asked, isCertain } from '../store/notices.js'
import { createLookUp } from './batched-lookup.js'

export interface ImportedValuesOptions {
  db: Database
  /** How long the database may take, in milliseconds. */
  patienceMs: number
  /** How long an answer serves without proof that every change of a key would have been heard, in milliseconds. */
  freshMs: number
  /** Milliseconds since the epoch. */
  clock: () => number
}

/** What finds a value in the index of hashes. Nothing of the value itself is kept. */
export const hashOf = (value: string): string => hash('sha256', value, 'binary')

const missingForMs = 5000
const maxMissing = 10_000

/**
 * Finds the keys of values that were made elsewhere: nothing but their hash tells which one they are of. While no key
 * was imported, none is looked for.
 */
export class ImportedValues {
  /** Of the keys that are remembered: hash to id. */
  readonly #held = new Map<string, string>()
  readonly #missing = new LRUCache<string, number>({ max: maxMissing })
  readonly #lookUp: (hash: string) => Promise<ImportedValue | null>
  readonly #lookUpAny: (any: 'any') => Promise<boolean | null>
  readonly #options: ImportedValuesOptions
  /** That there are none, as of when that was asked. */
  #none: Asked | null = null
  /** Any change of a key may be an import: what was asked before it is not believed. */
  #changes = 0

  constructor(options: ImportedValuesOptions) {
    const { db, patienceMs } = options
    this.#options = options
    this.#lookUpAny = createLookUp(async () => new Map([['any', await hasImportedKeys(db)]]), patienceMs)
    this.#lookUp = createLookUp(async (hashes) => {
      const rows = await findImportedValues(db, hashes)
      return new Map(rows.map((row) => [row.hash.toString('latin1'), row]))
    }, patienceMs)
  }

  /** The remembered key that has this hash among its own. */
  heldId(hash: string): string | undefined {
    return this.#held.get(hash)
  }

  hold(hashes: readonly string[], id: string): void {
    for (const hash of hashes) this.#held.set(hash, id)
  }

  release(hashes: readonly string[]): void {
    for (const hash of hashes) this.#held.delete(hash)
  }

  /** A key was changed, and may have been imported. */
  noteChange(): void {
    this.#changes += 1
    this.#none = null
    if (this.#missing.size > 0) this.#missing.clear()
  }

  /** Whether it is known, at once, that no key has this value. */
  isMissing(hash: string, now: number): boolean {
    const since = this.#missing.get(hash)
    return (
      (since !== undefined && Math.abs(now - since) < missingForMs) ||
      this.areNone(this.#options.freshMs, now)
    )
  }

  /** Whether no key was imported, as far as was known less than so long ago. */
  areNone(lengthMs: number, now: number): boolean {
    return this.#none !== null && isCertain(this.#options.db.notices, this.#none, lengthMs, now)
  }

  /** Whether there is any imported key. */
  async areThereAny(): Promise<boolean> {
    const { db, clock } = this.#options
    const asked = { readAt: clock(), epoch: db.notices.epoch }
    const changes = this.#changes
    const areThere = (await this.#lookUpAny('any')) === true
    if (changes === this.#changes) this.#none = areThere ? null : asked
    return areThere || changes !== this.#changes
  }

  /** The id of the imported key that has this hash among its own, from the store. */
  async look(hash: string): Promise<string | null> {
    const changes = this.#changes
    const found = await this.#lookUp(hash)
    if (found === null && changes === this.#changes) this.#missing.set(hash, this.#options.clock())
    return found?.key_id ?? null
  }
}
