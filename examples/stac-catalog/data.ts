import { createRequire } from 'node:module'
import type { Interval } from './datetime.js'
import { CatalogError } from './errors.js'
import { type Part, readGeometry } from './geometry.js'
import type { Collection, Item } from './schemas.js'

/** An item with what a search compares, read once. */
export interface Entry {
  readonly item: Item
  readonly parts: readonly Part[]
  readonly taken: Interval
}

const require = createRequire(import.meta.url)
// Our own files, not input: the test holds each record against the schema.
export const collections = require('#package/examples/stac-catalog/collections.json') as readonly Collection[]
const items = require('#package/examples/stac-catalog/items.json') as readonly Item[]

/** Newest first. A page's token names its last item, so the order must not hang on chance. */
export const entries: readonly Entry[] = items.map(readEntry).sort(compareNewestFirst)

function readEntry(item: Item): Entry {
  const { datetime, start_datetime = datetime, end_datetime = datetime } = item.properties
  return {
    item,
    parts: readGeometry(item.geometry, item.id),
    taken: { startsAt: Date.parse(start_datetime), endsAt: Date.parse(end_datetime) },
  }
}

function compareNewestFirst(a: Entry, b: Entry) {
  const [newer, older] = [b.item.properties.datetime, a.item.properties.datetime]
  return newer.localeCompare(older) || a.item.id.localeCompare(b.item.id)
}

/** @throws CatalogError 404 */
export function requireCollection(id: string): Collection {
  const found = collections.find((collection) => collection.id === id)
  if (found === undefined) throw new CatalogError('not_found', 'There is no such collection')
  return found
}

/** @throws CatalogError 404 */
export function requireItem(collectionId: string, id: string): Item {
  requireCollection(collectionId)
  const found = entries.find(({ item }) => item.collection === collectionId && item.id === id)
  if (found === undefined) throw new CatalogError('not_found', 'There is no such item in this collection')
  return found.item
}
