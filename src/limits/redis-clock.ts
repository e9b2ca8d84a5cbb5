/** How long an estimate is kept although no answer was closer: either clock may be set, or be slow. */
const trustMs = 10_000

/** The clock of Redis, estimated from its answers, which carry its time. */
export class RedisClock {
  readonly #fallback: () => number
  #offsetMs: number | null = null
  #setAt = 0

  /** @param fallback the time until Redis has answered, in milliseconds since the epoch */
  constructor(fallback: () => number) {
    this.#fallback = fallback
  }

  /** Milliseconds since the epoch. */
  readonly now = (): number =>
    this.#offsetMs === null ? this.#fallback() : Math.floor(performance.now() + this.#offsetMs)

  /** Takes the time of an answer if it is closer than the estimate: an answer can only come late, never early. */
  note(redisNow: number): void {
    const at = performance.now()
    if (this.#offsetMs === null || redisNow - at > this.#offsetMs || at - this.#setAt > trustMs) {
      this.set(redisNow)
    }
  }

  /** Takes the time of an answer in any case, because the estimate was wrong. */
  set(redisNow: number): void {
    this.#setAt = performance.now()
    this.#offsetMs = redisNow - this.#setAt
  }
}
