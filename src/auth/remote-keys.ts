import { hash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { type AskKey, KeyServiceUnavailable, refused, type Told } from './ask-key.js'
import { hasValidChecksum, readKeyId } from './key-shape.js'
import type { Access, PresentingCall, RefusalRate, Verdict, Verify } from './types.js'

export interface RemoteKeyVerifierOptions {
  ask: AskKey
  prefix: string
  refusals: RefusalRate
  /** Good values that are remembered; as many refused ones are, apart. */
  maxCached: number
  /** Milliseconds since the epoch. */
  clock: () => number
  /** Milliseconds that only grow, from any start. */
  monotonicClock: () => number
  /** Hears that Latchkey stopped to answer; once, until it answers again. */
  onUnavailable: (cause: unknown) => void
}

/** A verdict as it was told, and for how long after the question it serves. */
interface Held {
  readonly verdict: Verdict
  /** When it was asked for, by either clock. */
  readonly askedAt: number
  readonly askedAtMonotonic: number
  readonly freshMs: number
  /** Where Latchkey cannot be asked. */
  readonly staleMs: number
  /** Until the value ends; Infinity: it does not. */
  readonly livesMs: number
}

interface Presented {
  /** SHA-256 of the value. */
  readonly id: string
  readonly value: string
  readonly address: string
  readonly call: PresentingCall | undefined
  readonly access: Access | undefined
}

const pauseAfterFailureMs = 1000
// Later than this nobody knows whether it still is away: then a call waits for the question.
const believedAwayMs = 5000

/**
 * Checks API keys by asking Latchkey, from memory where what it told is fresh enough. A value is remembered by its
 * SHA-256 only. Keys in use never wait: in the second half of its time a verdict is asked for again beside the call.
 */
export function createRemoteKeyVerifier(options: RemoteKeyVerifierOptions): Verify {
  const { prefix, refusals, maxCached, clock, monotonicClock } = options
  const mark = `${prefix}_`
  const good = new LRUCache<string, Held>({ max: maxCached })
  // A place of their own: a flood of wrong values must not push out the keys in use.
  const wrong = new LRUCache<string, Held>({ max: maxCached })
  const asking = new Map<string, Promise<Verdict>>()
  /** Since the last question failed: from when on one question may find out whether that still is so. */
  let retryAt: number | undefined

  return (value, address, call, access) => {
    if (value.startsWith(mark) && readKeyId(value, prefix) === null) return refused
    const id = hash('sha256', value, 'binary')
    const held = good.get(id)
    if (held === undefined) return verifyUnknown({ id, value, address, call, access })
    const ageMs = ageOf(held)
    const isFresh = ageMs < held.freshMs
    // A call waits for no question that is likely to fail.
    const serves = isFresh || (ageMs < held.staleMs && isAway())
    if (!serves) return verifyByAsking({ id, value, address, call, access })
    if ((!isFresh || ageMs * 2 >= held.freshMs) && !asking.has(id) && mayAsk()) {
      // Beside the call, which goes on with what is known: a failure is noted, and the next question comes by itself.
      ask({ id, value, address, call, access }).catch(() => {})
    }
    return judge(held, ageMs)
  }

  function verifyUnknown(presented: Presented): Verdict | Promise<Verdict> {
    const { id, value, address } = presented
    const held = wrong.get(id)
    if (held !== undefined && ageOf(held) < held.freshMs) return refused
    // Of a value that was made elsewhere and imported, Latchkey alone can tell.
    if (value.startsWith(mark) && !hasValidChecksum(value)) return refused
    const retryAfterSeconds = refusals.retryAfterSeconds(address)
    if (retryAfterSeconds > 0) return { kind: 'throttled', retryAfterSeconds }
    return verifyByAsking(presented).then((verdict) => {
      if (verdict.kind === 'refused') refusals.count(address)
      return verdict
    })
  }

  async function verifyByAsking(presented: Presented): Promise<Verdict> {
    const verdict = await askForOne(presented).catch(asUnavailable)
    // Who must wait is not told yes from old knowledge: a key that was revoked would go on for that long.
    if (verdict.kind !== 'unavailable') return verdict
    const held = good.get(presented.id)
    if (held === undefined) return verdict
    const ageMs = ageOf(held)
    return ageMs < held.staleMs ? judge(held, ageMs) : verdict
  }

  /** A call with a limited key is counted by its question, which no other call may share. */
  async function askForOne(presented: Presented): Promise<Verdict> {
    const { id } = presented
    if (isCounted(good.peek(id)?.verdict)) return question(presented)
    const isOwn = !asking.has(id)
    const verdict = await ask(presented)
    return isOwn || !isCounted(verdict) ? verdict : question(presented)
  }

  /** One question a value, shared by all who wait for it. */
  function ask(presented: Presented): Promise<Verdict> {
    const { id } = presented
    const running = asking.get(id)
    if (running !== undefined) return running
    const asked = question(presented).finally(() => asking.delete(id))
    asking.set(id, asked)
    return asked
  }

  function question({ id, value, address, call, access }: Presented): Promise<Verdict> {
    if (!mayAsk()) return Promise.reject(new KeyServiceUnavailable('it could not be asked a moment ago'))
    // While it is known to be away, one question at a time finds out whether it is back.
    if (retryAt !== undefined) retryAt = Number.POSITIVE_INFINITY
    const askedAt = clock()
    const askedAtMonotonic = monotonicClock()
    return options.ask(value, address, call, access).then(
      (told) => {
        retryAt = undefined
        return keep(id, told, askedAt, askedAtMonotonic)
      },
      (error: unknown) => {
        const isNews = retryAt === undefined
        retryAt = monotonicClock() + pauseAfterFailureMs
        if (isNews) tellOfOutage(error)
        throw error
      },
    )
  }

  function tellOfOutage(cause: unknown): void {
    try {
      options.onUnavailable(cause)
    } catch {
      // Whoever listens must not decide about keys.
    }
  }

  function mayAsk(): boolean {
    return retryAt === undefined || monotonicClock() >= retryAt
  }

  function isAway(): boolean {
    return retryAt !== undefined && monotonicClock() < retryAt + believedAwayMs
  }

  function keep(id: string, told: Told, askedAt: number, askedAtMonotonic: number): Verdict {
    if (told.kind === 'throttled') return told
    if (told.kind === 'untold') return asUnavailable(told.cause)
    const { verdict, freshMs, staleMs, endsAt } = told
    // As of the question: the answer may be older than its arrival, never older than that.
    const held = { verdict, askedAt, askedAtMonotonic, freshMs, staleMs, livesMs: endsAt - askedAt }
    const [home, other] = verdict.kind === 'accepted' ? [good, wrong] : [wrong, good]
    other.delete(id)
    home.set(id, held)
    return judge(held, ageOf(held))
  }

  /**
   * In milliseconds, by the clock that says more: the one of the system may be set back, and the other stands still
   * while the machine sleeps.
   */
  function ageOf({ askedAt, askedAtMonotonic }: Held): number {
    return Math.max(clock() - askedAt, monotonicClock() - askedAtMonotonic)
  }
}

const isCounted = (verdict: Verdict | undefined) =>
  verdict?.kind === 'accepted' && verdict.counted !== undefined

const judge = ({ verdict, livesMs }: Held, ageMs: number): Verdict => (ageMs < livesMs ? verdict : refused)

const asUnavailable = (cause: unknown): Verdict => ({ kind: 'unavailable', cause })
