import type { RefusalRate, Verdict } from '../auth/types.js'
import type { KeyCache } from './key-cache.js'

/** Counts refused credentials by address, so that guessing becomes slow. */
export interface Guesses {
  /** The verdict for an address that must wait with credentials not seen before; null: it need not wait. */
  throttle(address: string): Verdict | null
  /** Counts the verdict if it is a refusal. */
  countRefusal(verifying: Promise<Verdict>, address: string): Promise<Verdict>
  /** The same for the value of a key, unless it is or was one of the key's own. */
  countGuess(verifying: Promise<Verdict>, presented: PresentedValue, address: string): Promise<Verdict>
}

/** A value, and the key that it claims to open. */
export interface PresentedValue {
  id: string
  value: string
}

export const createGuesses = (refusals: RefusalRate, cache: KeyCache): Guesses => ({
  throttle(address) {
    const retryAfterSeconds = refusals.retryAfterSeconds(address)
    return retryAfterSeconds > 0 ? { kind: 'throttled', retryAfterSeconds } : null
  },

  async countRefusal(verifying, address) {
    const verdict = await verifying
    if (verdict.kind === 'refused') refusals.count(address)
    return verdict
  },

  async countGuess(verifying, { id, value }, address) {
    const verdict = await verifying
    // A client that presents a revoked key does not guess.
    if (verdict.kind === 'refused' && cache.peek(id)?.isOwn(value) !== true) refusals.count(address)
    return verdict
  },
})
