import type { Listing } from '../../client/index.js'
import { printJson } from '../json.js'
import { type Column, renderTable } from '../table.js'
import { print, report, type Terminal } from '../terminal.js'
import type { ListOptions } from './options.js'

/** The columns of a table: a title and the cell of each item. */
export type Columns<T> = readonly (Column & { cell: (item: T) => string })[]

/** Reads the items of all pages, or the first `limit` of them. */
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

/** Prints a table for people, or a JSON array for programs. */
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
