const awakeMs = 2_000
/** Within this time a process that was stopped finds out whether Redis is back. */
const wakingMs = 500

/** Notices when this process was stopped so long that the other replicas may have given up on it. */
export class Wakefulness {
  #notedAt = performance.now()
  #wokeAt = Number.NEGATIVE_INFINITY

  /** To be called several times in a second. */
  note(): void {
    const at = performance.now()
    if (at - this.#notedAt > awakeMs) this.#wokeAt = at
    this.#notedAt = at
  }

  isAwake(): boolean {
    const at = performance.now()
    return at - this.#notedAt < awakeMs && at - this.#wokeAt > wakingMs
  }
}
