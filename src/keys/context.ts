import type { OwnerWatch } from '../auth/owner-watch.js'
import { Problem } from '../problems/problem.js'
import type { Sealer } from '../secrets/sealing.js'
import type { Database } from '../store/database.js'
import type { Tx } from '../store/transaction.js'
import type { KeySwitch } from './key-switch.js'
import type { ScopeDescriptions } from './scope-descriptions.js'
import type { Random } from './value.js'

/** The operator's rules for keys. */
export interface KeyPolicy {
  prefix: string
  lifetimeDays: number
  maxLifetimeDays: number
  allowNeverExpires: boolean
  maxPerUser: number
  /** Keys and links made, renewals and rotations of one owner in an hour; Infinity: any number. */
  changesPerHour: number
  /** Whether secrets that can be guessed may be imported. */
  allowWeakSecrets: boolean
  /** Service groups that a person's new key is authorised on; none: all services. */
  defaultGroups: readonly string[]
}

/** What every operation on keys needs. */
export interface KeyContext {
  db: Database
  policy: KeyPolicy
  /** Milliseconds since the epoch. */
  clock: () => number
  random: Random
  /** Null: no key can sign JWTs. */
  sealer: Sealer | null
  owners: OwnerWatch
  /** Where a file switches keys off and on; left out: an administrator does. */
  keySwitch?: KeySwitch
  /** What rights mean; left out: nobody tells. */
  scopeDescriptions?: ScopeDescriptions
  /**
   * Makes sure that these are registered, and stay so until the transaction ends.
   * @throws Problem validation_failed
   */
  requireRegistered: (
    tx: Tx,
    named: { groups: readonly string[]; services: readonly string[] },
  ) => Promise<void>
  /** Called after each change of a key, even one of which nobody knows whether it was done. */
  invalidateKey: (keyId: string) => void
  /** Called after each change of what is known of an owner. */
  invalidateOwner: (subject: string) => void
}

/**
 * Refuses a life without an end, where the operator does, and where nobody would notice that the owner is gone.
 * @throws Problem never_expires_not_allowed, or unavailable while that cannot be told
 */
export function requireMayLiveForEver(
  { policy, owners }: KeyContext,
  owner: 'user' | 'server' = 'user',
): void {
  if (!policy.allowNeverExpires) throw new Problem('never_expires_not_allowed')
  // Nobody follows a server user.
  if (owner === 'server') return
  const follows = owners.follows()
  if (follows === null) throw new Problem('unavailable')
  if (follows) return
  throw new Problem('never_expires_not_allowed', {
    detail:
      'This service cannot follow its users at the identity provider, so it gives no keys that never expire.',
  })
}

export const dayMs = 86_400_000
