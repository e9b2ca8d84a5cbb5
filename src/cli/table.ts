import stringWidth from 'string-width'
import { describeDuration } from './durations.js'
import type { Terminal } from './terminal.js'

export interface Column {
  readonly title: string
  /** Whether its cells may be cut where the terminal is too narrow for all of them. */
  readonly canShrink?: boolean
}

const gap = '  '
const leastWidth = 8

/**
 * A table with a line for each row, as wide as a terminal; nothing is cut where stdout is piped on.
 * What would move the cursor or turn the direction of writing becomes a space.
 */
export function renderTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  { stdout }: Pick<Terminal, 'stdout'>,
): string {
  const titles = columns.map(({ title }) => title)
  const cells = [titles, ...rows.map((row) => row.map(flatten))]
  const natural = columns.map((_, at) => Math.max(...cells.map((row) => stringWidth(row[at] ?? ''))))
  const room = stdout.isTTY === true ? stdout.columns : undefined
  const widths = room === undefined ? natural : shrink(columns, natural, room)
  return cells.map((row) => renderRow(row, widths)).join('\n')
}

const renderRow = (row: readonly string[], widths: readonly number[]) =>
  row
    .map((cell, at) => fill(cell, widths[at] ?? 0))
    .join(gap)
    .trimEnd()

/** Takes from the widest first, so that the narrow ones stay whole. */
function shrink(columns: readonly Column[], natural: readonly number[], room: number): readonly number[] {
  const widths = [...natural]
  const least = columns.map(({ title }) => Math.max(leastWidth, stringWidth(title)))
  const canGive = (at: number) => columns[at]?.canShrink === true && (widths[at] ?? 0) > (least[at] ?? 0)
  let excess = widths.reduce((sum, width) => sum + width + gap.length, -gap.length) - room
  for (; excess > 0; excess--) {
    const givers = [...widths.keys()].filter(canGive)
    if (givers.length === 0) break
    const widest = givers.reduce((a, b) => ((widths[b] ?? 0) > (widths[a] ?? 0) ? b : a))
    widths[widest] = (widths[widest] ?? 0) - 1
  }
  return widths
}

/** Cut or padded to a width in columns, of which some characters take two and some none. */
function fill(text: string, width: number): string {
  const own = stringWidth(text)
  if (own <= width) return text + ' '.repeat(width - own)
  let kept = ''
  for (const { segment } of new Intl.Segmenter().segment(text)) {
    if (stringWidth(kept + segment) > width - 1) break
    kept += segment
  }
  return `${kept}…${' '.repeat(Math.max(0, width - 1 - stringWidth(kept)))}`
}

/** One line of what may be several, and nothing in it that a terminal obeys. */
export const flatten = (text: string): string =>
  text.replace(/[\p{Cc}\p{Zl}\p{Zp}\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069]+/gu, ' ').trim()

/** What is known of one thing, a line each: its name and the fact. Those that are undefined are left out. */
export function renderFacts(facts: Readonly<Record<string, string | undefined>>): string {
  const known = Object.entries(facts).flatMap(([name, fact]) => (fact === undefined ? [] : [[name, fact]]))
  const width = Math.max(...known.map(([name = '']) => stringWidth(name)))
  return known.map(([name = '', fact = '']) => `${fill(name, width)}${gap}${flatten(fact)}`).join('\n')
}

/** A time of the API for people, in UTC to the second: `2022-01-31T23:03:57`; `-` for none. */
export const formatTime = (time: string | null): string =>
  time === null ? '-' : new Date(time).toISOString().slice(0, 19)

/**
 * When something ends, and how far that is: `2022-01-31T23:03:57 UTC, in 14 days`.
 * @param now milliseconds since the epoch
 */
export function describeEnd(end: string | null, now: number): string {
  if (end === null) return 'never'
  const seconds = (new Date(end).getTime() - now) / 1000
  return `${formatTime(end)} UTC, ${seconds > 0 ? `in ${describeDuration(seconds)}` : 'which is past'}`
}
