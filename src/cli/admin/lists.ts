import type { Listing, Page } from '../../client/index.js'
import type { Column } from '../table.js'
import { print, type Terminal } from '../terminal.js'
import { printJson } from './documents.js'
import type { ListOptions } from './options.js'

/** Of a table: what stands above, and what below it. */
export type Columns<T> = readonly (Column & { cell: (item: T) => string })[]

/** The service gives no more at once; its schemas say so too, but loading them would cost each start. */
const mostAtOnce = 200

/** Everything there is, over all pages, or as much as was asked for. */
export async function* readItems<T>(
  listing: Listing<T>,
  { limit = Number.POSITIVE_INFINITY }: ListOptions,
): AsyncGenerator<T> {
  let missing = limit
  let cursor: string | null = null
  do {
    const wanted = { limit: Math.min(missing, mostAtOnce), ...(cursor === null ? {} : { cursor }) }
    const page: Page<T> = await listing.page(wanted)
    yield* page.items
    missing -= page.items.length
    cursor = page.next_cursor
  } while (cursor !== null && missing > 0)
}

/** A table for people; for programs a JSON array. */
export async function printList<T>(
  terminal: Terminal,
  listing: Listing<T>,
  columns: Columns<T>,
  options: ListOptions,
): Promise<void> {
  const items: T[] = []
  for await (const item of readItems(listing, options)) items.push(item)
  if (options.json) return printJson(terminal, items)
  const { renderTable } = await import('../table.js')
  const rows = items.map((item) => columns.map(({ cell }) => cell(item)))
  print(terminal, renderTable(columns, rows, terminal))
}
