import { setTimeout as sleep } from 'node:timers/promises'
import { createRemoteJWKSet, errors, type JWTVerifyGetKey } from 'jose'

export interface SigningKeysOptions {
  /** The issuer's `jwks_uri`. */
  url: URL
  /** How long one fetch may take. */
  timeoutMs: number
  /** How long known keys go on serving while the issuer does not answer. Default 3,600,000, an hour. */
  maxStaleMs?: number
  /** Milliseconds since the epoch. */
  clock: () => number
}

/** Older keys are fetched anew in the background. */
const refreshAfterMs = 300_000
// Older ones are waited for: with the minute for which a verified token is remembered, a withdrawn key serves 10 at most.
const awaitAfterMs = 540_000
const patienceMs = 1_000
/** Between two fetches, also failed ones: whoever sends unknown keys must not make us ask for each. */
const retryAfterMs = 30_000
/** The same while no key serves at all, and everybody waits. */
const retryWithoutKeysAfterMs = 1_000

/**
 * The keys that an issuer signs with: fetched at the first use, then kept up to date by use. A key that is not known is
 * asked for at most every 30 s, so a new one is accepted that soon.
 * @throws JWKSNoMatchingKey when the issuer has no such key; anything else means that nobody can tell
 */
export function createSigningKeys({
  url,
  timeoutMs,
  maxStaleMs = 3_600_000,
  clock,
}: SigningKeysOptions): JWTVerifyGetKey {
  // When to fetch is decided here: jose would forget all keys after a time, and try a failed fetch again with each token.
  const remote = createRemoteJWKSet(url, {
    timeoutDuration: timeoutMs,
    cooldownDuration: Number.POSITIVE_INFINITY,
    cacheMaxAge: Number.POSITIVE_INFINITY,
  })
  let fetchedAt = Number.NEGATIVE_INFINITY
  let attemptedAt = Number.NEGATIVE_INFINITY
  let attempt: Promise<void> = Promise.resolve()

  return async (header, token) => {
    await keepUpToDate()
    try {
      return await remote(header, token)
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error
      await fetchUnlessJustTried(retryAfterMs)
      return await remote(header, token)
    }
  }

  async function keepUpToDate(): Promise<void> {
    const ageMs = since(fetchedAt)
    if (ageMs < refreshAfterMs) return
    if (ageMs >= maxStaleMs) return await fetchUnlessJustTried(retryWithoutKeysAfterMs)
    const refreshed = fetchUnlessJustTried(retryAfterMs).catch(() => {})
    // One that hangs is waited for by those who come at its beginning, no longer than this.
    if (ageMs >= awaitAfterMs && since(attemptedAt) < patienceMs)
      await Promise.race([refreshed, sleep(patienceMs, undefined, { ref: false })])
  }

  /** @returns the fetch that runs, or how the last one ended */
  function fetchUnlessJustTried(afterMs: number): Promise<void> {
    if (since(attemptedAt) < afterMs) return attempt
    attemptedAt = clock()
    attempt = remote.reload().then(() => {
      fetchedAt = clock()
    })
    // Not everybody waits for it.
    attempt.catch(() => {})
    return attempt
  }

  /** A clock that was set back must not lengthen anything. */
  function since(instant: number): number {
    return Math.abs(clock() - instant)
  }
}
