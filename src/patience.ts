/** How finely waiting is counted. */
const longestTickMs = 100

/**
 * Waits for an answer until the patience ends. Only time in which this process could have read the answer counts:
 * however long it was busy at a stretch, that is one tick of at most 100 ms. After a verdict by the clock alone, one long pause of
 * our own would read as the silence of everyone whom we had asked.
 * @param limitMs counted in ticks; a late answer is not awaited, but whoever was asked may still do the work
 * @throws what `explain` makes, when the patience ends; or what the work throws
 */
export function withinPatience<T>(work: Promise<T>, limitMs: number, explain: () => Error): Promise<T> {
  return new Promise((resolve, reject) => {
    const tickMs = Math.min(limitMs / 4, longestTickMs)
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
