import type { Verdict } from '../auth/types.js'
import type { createOwnerDecision, Judge } from './decide-owner.js'
import type { Guesses } from './guesses.js'
import type { KeyCache } from './key-cache.js'
import type { KeyReader } from './key-reader.js'

/** What every check of a credential needs. */
export interface CheckContext {
  cache: KeyCache
  reader: KeyReader
  guesses: Guesses
  decide: ReturnType<typeof createOwnerDecision>
  /** Decides about a key that the credential names, from the cache if it is fresh there. */
  verifyBy: (keyId: string, judge: Judge) => Verdict | Promise<Verdict>
  /** Milliseconds since the epoch. */
  clock: () => number
}
