import { type OwnerWatch, trustLastLogin } from '../auth/owner-watch.js'
import type { RefusalRate, Verdict, Verify } from '../auth/types.js'
import type { Sealer } from '../secrets/sealing.js'
import type { Database } from '../store/database.js'
import type { UsageCounter } from '../usage/counter.js'
import type { CheckContext } from './check-context.js'
import { createOwnerDecision, type Judge } from './decide-owner.js'
import { createGuesses } from './guesses.js'
import { KeyCache } from './key-cache.js'
import { KeyReader } from './key-reader.js'
import { type KeySwitch, refuseWhileOff } from './key-switch.js'
import { SignedTokens } from './signed-tokens.js'
import { createTokenCheck } from './verify-signed-token.js'
import { createValueCheck } from './verify-value.js'

export type { Judge } from './decide-owner.js'

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
   * How long a key serves, without proof that notices of its changes arrive, before the database is asked again; at
   * most `maxStaleMs`. Default 5000.
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
  /** Verifies the value of a key. */
  verify: Verify
  /**
   * Verifies a credential that names a key, such as a link. At once where the key is in memory.
   * @param judge decides about the key as it is now; whether its owner may call is decided here
   */
  verifyBy(keyId: string, judge: Judge): Verdict | Promise<Verdict>
  /** Verifies a JWT that a key signed. */
  verifyToken: Verify
  /** Drops what is remembered of a key. From its return on, no verdict rests on what was read before. */
  invalidate(keyId: string): void
  /** The same for every key: keys were switched off or on. */
  invalidateAll(): void
  /** The same for every key of an owner. */
  invalidateOwner(subject: string): void
  /** The identity provider said, at this time, that what is known of the owner holds. */
  confirmOwner(subject: string, knownAt: number): void
  /** People whose keys were accepted since then. */
  ownersUsedSince(since: number): string[]
}

const refused: Verdict = { kind: 'refused' }

/** Creates the check of API keys against this service's own store, from memory where what was read is fresh enough. */
export function createKeyVerifier(options: KeyVerifierOptions): KeyVerifier {
  const { db, usage, maxStaleMs, keySwitch, patienceMs = 3000, maxCached = 100_000 } = options
  const { clock = Date.now, owners: watch = trustLastLogin } = options
  const freshMs = Math.min(options.freshMs ?? 5000, maxStaleMs)
  const ignoresStoredSwitch = keySwitch !== undefined
  const cache = new KeyCache({ db, usage, ignoresStoredSwitch, freshMs, patienceMs, maxCached, clock })
  const reader = new KeyReader({ cache, maxStaleMs, clock })
  const decide = createOwnerDecision({ reader, watch, clock })
  const guesses = createGuesses(options.refusals, cache)
  const context: CheckContext = { cache, reader, guesses, decide, verifyBy, clock }
  const tokens = options.sealer ? new SignedTokens({ sealer: options.sealer, clock }) : null
  const whileOn = <Presented extends unknown[]>(check: Check<Presented>) =>
    keySwitch === undefined ? check : refuseWhileOff(keySwitch, check)

  return {
    verify: whileOn(createValueCheck(context, options)),
    verifyBy: whileOn(verifyBy),
    verifyToken: tokens === null ? () => refused : whileOn(createTokenCheck(context, tokens)),
    invalidate: (keyId) => cache.invalidate(keyId),
    invalidateAll: () => cache.invalidateAll(),
    invalidateOwner: (subject) => cache.invalidateOwner(subject),
    confirmOwner: (subject, knownAt) => cache.confirmOwner(subject, knownAt),
    ownersUsedSince: (since) => cache.ownersUsedSince(since),
  }

  function verifyBy(keyId: string, judge: Judge): Verdict | Promise<Verdict> {
    const now = clock()
    const key = cache.get(keyId)
    if (key !== undefined && cache.isFresh(key, now)) return decide(key, judge, now)
    return key === undefined && cache.isUnknown(keyId, now)
      ? refused
      : reader.decideByReading(keyId, (current) => decide(current, judge, clock()))
  }
}

type Check<Presented extends unknown[]> = (...presented: Presented) => Verdict | Promise<Verdict>
