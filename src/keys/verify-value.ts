import type { RefusalRate, Verdict, Verify } from '../auth/types.js'
import type { CheckContext } from './check-context.js'
import type { Judge } from './decide-owner.js'
import { hashOf } from './imported-values.js'
import { hasValidChecksum, readKeyId } from './value.js'

export interface ValueCheckOptions {
  /** What the value of every key of ours begins with, before the underscore. */
  prefix: string
  refusals: RefusalRate
  /** How long the answer that no key was imported serves when the database cannot be asked, in milliseconds. */
  maxStaleMs: number
}

const refused: Verdict = { kind: 'refused' }

/** Creates the check of the values of keys, made here or elsewhere. */
export function createValueCheck(context: CheckContext, options: ValueCheckOptions): Verify {
  const { cache, reader, decide, guesses, clock } = context
  const { prefix, refusals, maxStaleMs } = options
  const mark = `${prefix}_`
  return verify

  function verify(value: string, address: string): Verdict | Promise<Verdict> {
    const id = readKeyId(value, prefix)
    if (id === null) return value.startsWith(mark) ? refused : verifyImported(value, address)
    const judge: Judge = (key, at) => key.judge(value, at)
    const now = clock()
    const key = cache.get(id)
    if (key !== undefined && cache.isFresh(key, now)) return decide(key, judge, now)
    if (key === undefined && cache.isUnknown(id, now)) return refused
    if (!hasValidChecksum(value)) return refused
    if (key !== undefined) return verifyByReading(id, judge)
    return guesses.throttle(address) ?? guesses.countGuess(verifyByReading(id, judge), { id, value }, address)
  }

  /** Verifies a value that was made elsewhere: only its hash leads to a key. */
  function verifyImported(value: string, address: string): Verdict | Promise<Verdict> {
    const hash = hashOf(value)
    const judge: Judge = (key, at) => key.judge(value, at)
    const id = cache.imported.heldId(hash)
    if (id !== undefined) return context.verifyBy(id, judge)
    if (cache.imported.isMissing(hash, clock())) return refused
    return guesses.throttle(address) ?? verifyUnseen(value, hash, judge, address)
  }

  async function verifyUnseen(value: string, hash: string, judge: Judge, address: string): Promise<Verdict> {
    try {
      reader.requireStore()
      if (!(await cache.imported.areThereAny())) return refused
      const found = await cache.imported.look(hash)
      if (found === null) {
        refusals.count(address)
        return refused
      }
      return guesses.countGuess(verifyByReading(found, judge), { id: found, value }, address)
    } catch (cause) {
      reader.noteFailure(cause)
      return cache.imported.areNone(maxStaleMs, clock()) ? refused : { kind: 'unavailable', cause }
    }
  }

  function verifyByReading(id: string, judge: Judge): Promise<Verdict> {
    return reader.decideByReading(id, (key) => decide(key, judge, clock()))
  }
}
