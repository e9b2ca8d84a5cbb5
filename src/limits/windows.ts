/** What was counted from an instant on. */
export interface Window {
  readonly start: number
  used: number
  /** How much of it was counted before this process began to count on its own. */
  readonly base: number
}

// A clock that is set back returns to windows which must not begin anew; more of them nobody returns to.
const maxWindows = 4

/** The windows of one party and one length, the one that was used last first. */
export class Windows {
  readonly #windows: Window[] = []

  /** @returns undefined where nothing is known of that window */
  find(start: number): Window | undefined {
    const latest = this.#windows[0]
    if (latest === undefined || latest.start === start) return latest
    const at = this.#windows.findIndex((window) => window.start === start)
    if (at === -1) return undefined
    const [window] = this.#windows.splice(at, 1)
    if (window !== undefined) this.#windows.unshift(window)
    return window
  }

  /** Whether the window is after all that are known, so that nothing was counted in it. */
  isNew(start: number): boolean {
    return this.#windows.length > 0 && this.#windows.every((window) => window.start < start)
  }

  open(start: number, used = 0): Window {
    const window = { start, used, base: used }
    const at = this.#windows.findIndex((known) => known.start === start)
    if (at !== -1) this.#windows.splice(at, 1)
    this.#windows.unshift(window)
    if (this.#windows.length > maxWindows) this.#windows.pop()
    return window
  }
}
