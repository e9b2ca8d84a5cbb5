/** What a run was asked for. */
export interface RunOptions {
  blocks: number
  rounds: number
  requests: number
  /** How many keys are stored, from few to many; what is measured is compared between the first and the others. */
  keys: readonly number[]
}

/** One part of the result, as it is kept in `results.json`. */
export interface Section {
  heading: string
  /** When, where, how much. */
  setup: string
  head: string[]
  rows: string[][]
  /** The targets that were missed, a sentence each. */
  misses: string[]
  /** For the plot. */
  bars?: Bar[]
}

export interface Bar {
  label: string
  value: number
  isOurs: boolean
}

/** The rows as a table in Markdown, the first column to the left. */
export function renderTable({ head, rows }: Section): string {
  const rule = head.map((_title, column) => (column === 0 ? '---' : '---:'))
  return [head, rule, ...rows].map((cells) => `| ${cells.join(' | ')} |\n`).join('')
}

/** A sentence when the value is above its target. */
export function findMiss(what: string, value: number, target: number | undefined): string[] {
  // Not `value > target`: what could not be measured has not reached it.
  if (target === undefined || value <= target) return []
  return [`${what}: ${value.toFixed(2)}, at most ${target} is wanted`]
}

export const asCount = (count: number) => count.toLocaleString('en')
