import stringWidth from 'string-width'
import { describeDuration } from './durations.js'
import type { Terminal } from './terminal.js'

export interface Column {
  readonly title: string
  /** Whether its cells may go over several lines where the terminal is too narrow for all of them. */
  readonly canShrink?: boolean
}

const gap = '  '
const leastWidth = 8
const maxLines = 4

/**
 * A table with a line for each row, or a few in a narrow terminal; where stdout is piped on always one.
 * What would move the cursor or turn the direction of writing becomes a space.
 */
export function renderTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  { stdout }: Pick<Terminal, 'stdout'>,
): string {
  const cells = [columns.map(({ title }) => title), ...rows.map((row) => row.map(flatten))]
  const natural = columns.map((_, at) => Math.max(...cells.map((row) => stringWidth(row[at] ?? ''))))
  // Some that are none, as that of script(1) without one, say that they have no columns.
  const room = (stdout.isTTY === true && stdout.columns) || undefined
  const widths = room === undefined ? natural : shrink(columns, natural, room)
  return cells.flatMap((row) => renderRow(row, widths)).join('\n')
}

function renderRow(row: readonly string[], widths: readonly number[]): string[] {
  const wrapped = widths.map((width, at) => wrap(row[at] ?? '', width))
  const height = Math.max(...wrapped.map(({ length }) => length))
  return Array.from({ length: height }, (_, line) =>
    widths
      .map((width, at) => pad(wrapped[at]?.[line] ?? '', width))
      .join(gap)
      .trimEnd(),
  )
}

/** Takes from the widest first, so that the narrow ones stay whole. */
function shrink(columns: readonly Column[], natural: readonly number[], room: number): readonly number[] {
  const widths = [...natural]
  const canGive = (at: number) => columns[at]?.canShrink === true && (widths[at] ?? 0) > leastWidth
  let excess = widths.reduce((sum, width) => sum + width + gap.length, -gap.length) - room
  for (; excess > 0; excess--) {
    const givers = [...widths.keys()].filter(canGive)
    if (givers.length === 0) break
    const widest = givers.reduce((a, b) => ((widths[b] ?? 0) > (widths[a] ?? 0) ? b : a))
    widths[widest] = (widths[widest] ?? 0) - 1
  }
  return widths
}

/** Words in lines of that width, of which some characters take two columns and some none; too long ones are cut up. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  for (const word of text.split(' ').flatMap((word) => chop(word, width))) {
    const longer = `${lines.at(-1)} ${word}`
    if (lines.length > 0 && stringWidth(longer) <= width) lines[lines.length - 1] = longer
    else lines.push(word)
  }
  if (lines.length <= maxLines) return lines
  const [last = ''] = chop(`${lines[maxLines - 1]}`, width - 1)
  return [...lines.slice(0, maxLines - 1), `${last}…`]
}

function chop(word: string, width: number): string[] {
  if (stringWidth(word) <= width) return [word]
  const parts = ['']
  for (const { segment } of new Intl.Segmenter().segment(word)) {
    const longer = `${parts.at(-1)}${segment}`
    if (stringWidth(longer) <= width) parts[parts.length - 1] = longer
    else parts.push(segment)
  }
  return parts
}

const pad = (text: string, width: number) => text + ' '.repeat(Math.max(0, width - stringWidth(text)))

/** One line of what may be several, and nothing in it that a terminal obeys. */
export const flatten = (text: string): string =>
  text.replace(/[\p{Cc}\p{Zl}\p{Zp}\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069]+/gu, ' ').trim()

/** What is known of one thing, a line each: its name and the fact. Those that are undefined are left out. */
export function renderFacts(facts: Readonly<Record<string, string | undefined>>): string {
  const known = Object.entries(facts).flatMap(([name, fact]) => (fact === undefined ? [] : [[name, fact]]))
  const width = Math.max(...known.map(([name = '']) => stringWidth(name)))
  return known.map(([name = '', fact = '']) => `${pad(name, width)}${gap}${flatten(fact)}`).join('\n')
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
