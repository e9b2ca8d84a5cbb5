import type { Verdict, Verify } from '../auth/types.js'
import type { CachedKey } from './cached-key.js'
import type { CheckContext } from './check-context.js'
import type { Judge } from './decide-owner.js'
import { type HeldToken, judgeToken, type SignedTokens } from './signed-tokens.js'

const refused: Verdict = { kind: 'refused' }

/** Creates the check of JWTs that keys signed. */
export function createTokenCheck(context: CheckContext, tokens: SignedTokens): Verify {
  const { cache, reader, decide, guesses, clock } = context
  return verifyToken

  function verifyToken(token: string, address: string): Verdict | Promise<Verdict> {
    const now = clock()
    const held = tokens.recall(token, now)
    if (held === undefined) return verifyUnseen(token, address, now)
    return context.verifyBy(held.keyId, judgeBy(held))
  }

  function verifyUnseen(token: string, address: string, now: number): Verdict | Promise<Verdict> {
    const id = tokens.readKeyId(token)
    if (id === null || cache.isUnknown(id, now)) return refused
    const throttled = guesses.throttle(address)
    if (throttled !== null) return throttled
    const verifyWith = (key: CachedKey) => verifySignature(key, id, token)
    const key = cache.get(id)
    const isFresh = key !== undefined && cache.isFresh(key, now)
    return guesses.countRefusal(isFresh ? verifyWith(key) : reader.decideByReading(id, verifyWith), address)
  }

  async function verifySignature(key: CachedKey, id: string, token: string): Promise<Verdict> {
    try {
      const held = await tokens.verify(key, id, token)
      if (held === null) return refused
      const judge = judgeBy(held)
      // The key may have changed while its signature was verified: then it is read again.
      if (cache.peek(id) === key) return decide(key, judge, clock())
      return reader.decideByReading(id, (current) => decide(current, judge, clock()))
    } catch (cause) {
      return { kind: 'unavailable', cause }
    }
  }
}

const judgeBy =
  (held: HeldToken): Judge =>
  (key, now) =>
    judgeToken(key, held, now)
