import { StoreUnavailable } from './unavailable.js'

/** Runs the work when a place is free, in the order of asking. */
export type Turns = <T>(work: () => Promise<T>) => Promise<T>

/**
 * Lets at most `places` run at once. Writers wait here and not in the pool, where they would stand before the
 * look-ups that every checked request waits for.
 * @param options.patienceMs whoever waited that long gets StoreUnavailable
 */
export function createTurns(options: { places: number; patienceMs: number }): Turns {
  const waiting: (() => void)[] = []
  let free = options.places

  async function takePlace(): Promise<void> {
    if (free > 0) {
      free -= 1
      return
    }
    await new Promise<void>((resolve, reject) => {
      const enter = () => {
        clearTimeout(timer)
        resolve()
      }
      const giveUp = () => {
        waiting.splice(waiting.indexOf(enter), 1)
        reject(new StoreUnavailable(new Error(`No turn to write within ${options.patienceMs} ms`)))
      }
      const timer = setTimeout(giveUp, options.patienceMs)
      waiting.push(enter)
    })
  }

  // The place goes straight to the next in line, so nobody who comes just now can slip in before.
  function givePlace(): void {
    const enter = waiting.shift()
    if (enter) enter()
    else free += 1
  }

  return async (work) => {
    await takePlace()
    try {
      return await work()
    } finally {
      givePlace()
    }
  }
}
