import type { Principal } from '../auth/types.js'
import type { Database } from '../store/database.js'
import type { Random } from './value.js'

/** The operator's rules for keys. */
export interface KeyPolicy {
  prefix: string
  lifetimeDays: number
  maxLifetimeDays: number
  allowNeverExpires: boolean
  maxPerUser: number
}

/** What every operation on keys needs. */
export interface KeyContext {
  db: Database
  policy: KeyPolicy
  /** Milliseconds since the epoch. */
  clock: () => number
  random: Random
  /** Called after each change of a key, even one of which nobody knows whether it was done. */
  forget: (keyId: string) => void
}

/** Who asked for a change, and from where: what the ledger keeps. */
export interface Origin {
  principal: Principal
  address: string
  requestId: string
}

export const dayMs = 86_400_000
