import { StoreUnavailable } from './unavailable.js'

/** Ends work that nobody awaits any more. @throws StoreUnavailable as its caller was told */
export type RequireAwaited = () => void

/** Whether the database answers, and the end of waiting for one that does not. */
export interface Availability {
  noteAnswer(): void
  /** From now on until the next answer nobody waits: not those who come, nor those who wait already. */
  noteSilence(reason: unknown): void
  /**
   * Passes on what becomes of the work, unless the database falls silent before.
   * @throws StoreUnavailable
   */
  whileAnswering<T>(work: (requireAwaited: RequireAwaited) => Promise<T>): Promise<T>
}

/** @param onSilence called when the database falls silent, after all who wait for it have been told */
export function createAvailability(onSilence: () => void = () => {}): Availability {
  // A set, and not one promise to race against, which would keep every race until the next silence.
  const waiting = new Set<(refusal: StoreUnavailable) => void>()
  let silence: { reason: unknown } | undefined

  return { noteAnswer, noteSilence, whileAnswering }

  function noteAnswer() {
    silence = undefined
  }

  function noteSilence(reason: unknown) {
    if (silence !== undefined) return
    silence = { reason }
    for (const refuse of waiting) refuse(new StoreUnavailable(reason))
    waiting.clear()
    onSilence()
  }

  function whileAnswering<T>(work: (requireAwaited: RequireAwaited) => Promise<T>): Promise<T> {
    if (silence !== undefined) return Promise.reject(new StoreUnavailable(silence.reason))
    return new Promise((resolve, reject) => {
      let refusal: StoreUnavailable | undefined
      const refuse = (error: StoreUnavailable) => {
        refusal = error
        reject(error)
      }
      const requireAwaited = () => {
        if (refusal !== undefined) throw refusal
      }
      waiting.add(refuse)
      void work(requireAwaited)
        .then(resolve, reject)
        .finally(() => waiting.delete(refuse))
    })
  }
}
