/**
 * Prints what a row of the soak run measured, in one line that `grep '^soak:'` finds.
 * @param row what was done: `SIGKILL embedded`
 * @param figures in the order of printing: `['20 kills', '812 acknowledged', '0 lost']`
 */
export function reportFigures(row: string, figures: readonly string[]): void {
  console.log(`soak: ${row}: ${figures.join(', ')}`)
}

/** `ready p50 1.9 s max 2.4 s`, of durations in milliseconds. */
export function describeDurations(name: string, durationsMs: readonly number[]): string {
  const sorted = durationsMs.toSorted((one, other) => one - other)
  const seconds = (ms = Number.NaN) => `${(ms / 1000).toFixed(2)} s`
  return `${name} p50 ${seconds(sorted[Math.floor(sorted.length / 2)])} max ${seconds(sorted.at(-1))}`
}
