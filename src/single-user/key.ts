import { timingSafeEqual } from 'node:crypto'
import type { Verdict, Verify } from '../auth/types.js'
import { hashPresented, hashValue, newKeyId, newValue, type Random } from '../keys/value.js'
import { singleUser } from './person.js'

export interface SingleUserKey {
  /** For the URL that the start prints, and to keep it out of the log; nothing else has a use for it. */
  readonly value: string
  /** In a time that speaks of a hash, not of the value. */
  isRight(presented: string): boolean
}

/**
 * The one key of single-user mode. It is in no database and ends with the process.
 * @param given by the operator. Default: a new one, shaped as any key, so that what looks for keys in logs finds it
 */
export function createSingleUserKey(options: {
  given: string | undefined
  prefix: string
  random: Random
}): SingleUserKey {
  const { given, prefix, random } = options
  const value = given ?? newValue(prefix, newKeyId(random), random)
  const hash = hashValue(value)
  return { value, isRight: (presented) => timingSafeEqual(hashPresented(presented), hash) }
}

/** It stands for the login that is not there: no bounds, no limits, and nothing that only a login may do is refused. */
const accepted = Object.freeze<Verdict>({ kind: 'accepted', principal: singleUser })

/** Makes the verifier of keys that accepts the one key too. A right value never waits for wrong ones. */
export const acceptSingleUserKey =
  ({ isRight }: SingleUserKey, verifyKey: Verify): Verify =>
  (value, address, call, access) =>
    isRight(value) ? accepted : verifyKey(value, address, call, access)
