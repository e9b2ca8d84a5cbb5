import type { OwnerWatch } from '../auth/owner-watch.js'
import type { Verdict } from '../auth/types.js'
import type { CachedKey } from './cached-key.js'
import type { KeyReader } from './key-reader.js'

/** Decides what the presented credential opens, as far as the key itself tells. Pure. */
export type Judge = (key: CachedKey, now: number) => Verdict

export interface OwnerDecisionOptions {
  reader: KeyReader
  /** What the identity provider says of owners. */
  watch: OwnerWatch
  /** Milliseconds since the epoch. */
  clock: () => number
}

const refused: Verdict = { kind: 'refused' }

/**
 * Returns the decision about a key and its owner: at once where enough is known of the owner, after asking the identity
 * provider where it is too old.
 */
export function createOwnerDecision({ reader, watch, clock }: OwnerDecisionOptions) {
  return function decide(key: CachedKey, judge: Judge, now: number): Verdict | Promise<Verdict> {
    const verdict = judge(key, now)
    const { owner } = key
    if (verdict.kind !== 'accepted' || owner.kind === 'server') return verdict
    if (watch.isDisabled(owner.subject)) return refused
    // Only a right value gets here, so a stranger cannot make this service ask.
    const standing = watch.standing(owner.subject, owner.knownAt, now)
    if (standing === 'look') return lookAndDecide(key, judge)
    if (standing === 'unknown') return { kind: 'unavailable', cause: new OwnerUnknown() }
    owner.usedAt = now
    return verdict
  }

  async function lookAndDecide({ id, owner }: CachedKey, judge: Judge): Promise<Verdict> {
    try {
      await watch.look(owner.subject)
      const key = await reader.readAgain(id)
      const now = clock()
      if (key === null || watch.isDisabled(owner.subject)) return refused
      const verdict = judge(key, now)
      if (verdict.kind !== 'accepted') return verdict
      if (watch.standing(owner.subject, key.owner.knownAt, now) !== 'current') throw new OwnerUnknown()
      key.owner.usedAt = now
      return verdict
    } catch (cause) {
      return { kind: 'unavailable', cause }
    }
  }
}

class OwnerUnknown extends Error {
  override readonly name = 'OwnerUnknown'
  constructor() {
    super('What is known of the owner is too old, and the identity provider cannot be asked')
  }
}
