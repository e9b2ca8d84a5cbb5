const longestTickMs = 100
/** At least so many, so that a short limit too outlasts a pause of this process. */
const fewestTicks = 4

/**
 * Waits for an answer, but no longer than the limit. Time in which this process was busy and could not read the answer
 * does not count: the limit is a number of ticks, and a late tick counts once. Otherwise a pause of this process would
 * look like silence of the database.
 * @param limitMs counted in ticks of at most 100 ms. The work itself is not stopped
 * @param explain makes the error for the end of the limit
 * @throws what `explain` makes, or what the work throws
 */
export function withinPatience<T>(work: Promise<T>, limitMs: number, explain: () => Error): Promise<T> {
  return new Promise((resolve, reject) => {
    const tickMs = Math.min(limitMs / fewestTicks, longestTickMs)
    let leftMs = limitMs
    const ticks = setInterval(() => {
      leftMs -= tickMs
      if (leftMs > 0) return
      clearInterval(ticks)
      reject(explain())
    }, tickMs).unref()
    void work.then(resolve, reject).finally(() => clearInterval(ticks))
  })
}
