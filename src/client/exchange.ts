import { UnreachableError } from './errors.js'

export interface ExchangeOptions {
  fetch: typeof globalThis.fetch
  timeoutMs: number
  /** Of the caller. */
  signal: AbortSignal | undefined
}

/** The longest that timers can wait: asked for more, they wait not at all. */
export const longestTimerMs = 2 ** 31 - 1

/**
 * Sends one request and reads of the answer what the caller needs of it, all within the time.
 * @throws UnreachableError without a whole answer in time; the reason of the signal once that is aborted
 */
export async function exchange<T>(
  url: string,
  init: RequestInit,
  read: (answer: Response) => T | Promise<T>,
  { fetch, timeoutMs, signal }: ExchangeOptions,
): Promise<T> {
  signal?.throwIfAborted()
  const deadline = new AbortController()
  const timer = setTimeout(() => deadline.abort(), Math.min(timeoutMs, longestTimerMs))
  try {
    const answer = await fetch(url, {
      ...init,
      // Followed, a redirect would carry the credential elsewhere.
      redirect: 'manual',
      signal: signal === undefined ? deadline.signal : AbortSignal.any([signal, deadline.signal]),
    })
    return await read(answer)
  } catch (cause) {
    signal?.throwIfAborted()
    const reason = deadline.signal.aborted
      ? `did not answer within ${timeoutMs / 1000} s`
      : 'cannot be reached'
    throw new UnreachableError(`The service ${reason}.`, { cause })
  } finally {
    clearTimeout(timer)
  }
}
