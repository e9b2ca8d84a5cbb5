import type { Verdict } from '../auth/types.js'
import { StoreUnavailable } from '../store/unavailable.js'
import type { CachedKey } from './cached-key.js'
import type { KeyCache } from './key-cache.js'

export interface KeyReaderOptions {
  cache: KeyCache
  /** How long a key that was read serves when the database cannot be asked, in milliseconds. */
  maxStaleMs: number
  /** Milliseconds since the epoch. */
  clock: () => number
}

const retryAfterMs = 1000

const refused: Verdict = { kind: 'refused' }

/** Reads keys from the store, and falls back to what the cache holds while the store cannot be asked. */
export class KeyReader {
  readonly #cache: KeyCache
  readonly #maxStaleMs: number
  readonly #clock: () => number
  /** When the store could last not be asked; undefined: it answered since. */
  #failedAt: number | undefined

  constructor({ cache, maxStaleMs, clock }: KeyReaderOptions) {
    this.#cache = cache
    this.#maxStaleMs = maxStaleMs
    this.#clock = clock
  }

  /** Reads the key and decides about it; about the one that is held where the store cannot be asked. */
  async decideByReading(
    id: string,
    decide: (key: CachedKey) => Verdict | Promise<Verdict>,
  ): Promise<Verdict> {
    try {
      this.requireStore()
      const key = await this.#cache.read(id)
      this.#failedAt = undefined
      return key === null ? refused : decide(key)
    } catch (cause) {
      this.noteFailure(cause)
      // Only what is held now may serve: what was held before may have been invalidated, because the key was changed.
      const held = this.#cache.peek(id)
      const mayServe = held !== undefined && this.#cache.isNoOlder(held, this.#maxStaleMs, this.#clock())
      return mayServe ? asStale(await decide(held)) : { kind: 'unavailable', cause }
    }
  }

  /**
   * Returns a key that may have changed a moment ago: from the cache where it did not, or where the store cannot be
   * asked.
   * @throws what reading it throws, where nothing that is held may serve
   */
  async readAgain(id: string): Promise<CachedKey | null> {
    const held = this.#cache.peek(id)
    if (held !== undefined && this.#cache.isFresh(held, this.#clock())) return held
    try {
      return await this.#cache.read(id)
    } catch (error) {
      const stillHeld = this.#cache.peek(id)
      if (stillHeld !== undefined && this.#cache.isNoOlder(stillHeld, this.#maxStaleMs, this.#clock()))
        return stillHeld
      throw error
    }
  }

  /** Lets one request a second find out for all whether the database is back. @throws RecentFailure */
  requireStore(): void {
    if (this.#failedAt !== undefined && Math.abs(this.#clock() - this.#failedAt) < retryAfterMs)
      throw new RecentFailure()
  }

  noteFailure(cause: unknown): void {
    if (cause instanceof StoreUnavailable) this.#failedAt = this.#clock()
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
