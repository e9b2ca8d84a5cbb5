import type { Listing } from '../../client/index.js'
import { printJson } from '../json.js'
import { type Column, renderTable } from '../table.js'
import { print, report, type Terminal } from '../terminal.js'
import type { ListOptions } from './options.js'

/** Of a table: what stands above, and what below it. */
export type Columns<T> = readonly (Column & { cell: (item: T) => string })[]

/** Everything there is, over all pages, or as much as was asked for. */
export async function* readItems<T>(
  listing: Listing<T>,
  { limit = Number.POSITIVE_INFINITY }: ListOptions,
): AsyncGenerator<T> {
  let missing = limit
  for await (const item of listing) {
    yield item
    missing -= 1
    if (missing === 0) return
  }
}

export async function collect<T>(listing: Listing<T>, options: ListOptions): Promise<T[]> {
  const items: T[] = []
  for await (const item of readItems(listing, options)) items.push(item)
  return items
}

/** A table for people; for programs a JSON array. */
export async function printList<T>(
  terminal: Terminal,
  listing: Listing<T>,
  columns: Columns<T>,
  options: ListOptions,
): Promise<void> {
  const items = await collect(listing, options)
  if (options.json) printJson(terminal, items)
  else printTable(terminal, items, columns)
}

export function printTable<T>(terminal: Terminal, items: T[], columns: Columns<T>): void {
  const rows = items.map((item) => columns.map(({ cell }) => cell(item)))
  if (rows.length === 0) report(terminal, 'There are none.')
  else print(terminal, renderTable(columns, rows, terminal))
}
