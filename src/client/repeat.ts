import { UnreachableError } from './errors.js'
import { longestTimerMs } from './exchange.js'

/**
 * When a call is sent again: `always` where twice does no more than once, so that an answer that was lost may be asked
 * for again; `refused` where only a refusal tells that nothing was done; `never`.
 */
export type Repeatable = 'always' | 'refused' | 'never'

export interface RepeatOptions {
  /** How often a call is sent at most. */
  maxTries: number
  /** How long all waits of a call take together at most: where the service asks for more, it is not waited for. */
  maxRetryWaitMs: number
  /** From 0 to less than 1. */
  random: () => number
  /** Milliseconds since the epoch, for a `Retry-After` that is a date. */
  clock: () => number
  /** @throws the reason of the signal once that is aborted */
  sleep: (ms: number, signal: AbortSignal | undefined) => Promise<void>
}

/** How one try ended: with a status, or with no answer that can be trusted to be the service's. */
type Outcome = { kind: 'answered'; status: number; retryAfterMs: number | undefined } | { kind: 'lost' }

export interface Told<T> {
  /** What the last try gave. */
  last: T
  /** Whether an answer before was lost, so that an earlier try may have done the work. */
  hasLost: boolean
}

/**
 * Sends a call until it is answered for good.
 * @param read what is told by the answer, of which this reads the status and `Retry-After`
 * @throws UnreachableError of the last try; whatever else a try throws, at once
 */
export async function repeat<T>(
  { repeatable, signal }: { repeatable: Repeatable; signal: AbortSignal | undefined },
  send: () => Promise<T>,
  read: (told: T) => Response,
  { maxTries, maxRetryWaitMs, random, clock, sleep }: RepeatOptions,
): Promise<Told<T>> {
  let waitedMs = 0
  let hasLost = false
  for (let tries = 1; ; tries += 1) {
    const told = await send().catch(keepUnreachable)
    const outcome =
      told instanceof UnreachableError ? ({ kind: 'lost' } as const) : describeAnswer(read(told), clock())
    const waitMs = tries < maxTries ? decideWait(outcome, { repeatable, tries, jitter: random() }) : null
    if (waitMs === null || waitedMs + waitMs > maxRetryWaitMs) {
      if (told instanceof UnreachableError) throw told
      return { last: told, hasLost }
    }
    hasLost ||= outcome.kind === 'lost'
    // Unread, it would hold its connection.
    if (!(told instanceof UnreachableError))
      await read(told)
        .body?.cancel()
        .catch(() => {})
    await sleep(waitMs, signal)
    waitedMs += waitMs
  }
}

function keepUnreachable(error: unknown): UnreachableError {
  if (error instanceof UnreachableError) return error
  throw error
}

// Statuses of proxies that got no answer from the service: it may have done the work.
const lostStatuses: readonly number[] = [502, 504]

function describeAnswer({ status, headers }: Response, now: number): Outcome {
  if (lostStatuses.includes(status)) return { kind: 'lost' }
  return { kind: 'answered', status, retryAfterMs: readRetryAfterMs(headers, now) }
}

const firstWaitMs = 500

/** How long to wait before the next try; null: there is none. */
export function decideWait(
  outcome: Outcome,
  { repeatable, tries, jitter }: { repeatable: Repeatable; tries: number; jitter: number },
): number | null {
  const isRefused = outcome.kind === 'answered' && (outcome.status === 429 || outcome.status === 503)
  const isDue = isRefused ? repeatable !== 'never' : outcome.kind === 'lost' && repeatable === 'always'
  if (!isDue) return null
  const askedMs = outcome.kind === 'answered' ? outcome.retryAfterMs : undefined
  // All who were refused at once shall not come back at once, nor before they may.
  if (askedMs !== undefined) return askedMs + jitter * firstWaitMs
  return jitter * firstWaitMs * 2 ** tries
}

/**
 * What `Retry-After` asks for, in seconds or as a date; undefined where it is missing or says neither.
 * @see RFC 9110 §10.2.3
 */
export function readRetryAfterMs(headers: Headers, now: number): number | undefined {
  const text = headers.get('retry-after')?.trim() ?? ''
  if (/^\d+$/.test(text)) return Number(text) * 1000
  // Its own date, where it tells it: this machine's clock may be wrong.
  const from = Date.parse(headers.get('date') ?? '')
  const until = /[a-z]/i.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(until) ? undefined : Math.max(0, until - (Number.isNaN(from) ? now : from))
}

/** Waits, and leaves nothing behind. */
export function sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer)
      reject(signal?.reason)
    }
    const timer = setTimeout(
      () => {
        signal?.removeEventListener('abort', stop)
        resolve()
      },
      Math.min(ms, longestTimerMs),
    )
    if (signal?.aborted) stop()
    else signal?.addEventListener('abort', stop, { once: true })
  })
}
