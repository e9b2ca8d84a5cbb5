import type { Entry } from './data.js'
import { type Interval, overlap, parseDatetime } from './datetime.js'
import { refuse } from './errors.js'
import { isWithin, type Part, partOf, readGeometry } from './geometry.js'
import { intersects } from './intersects.js'
import type { SearchBody, SearchQuery } from './requests.js'

/** What to look for; absent is any. */
export interface Search {
  readonly limit: number
  readonly area?: readonly Part[]
  readonly taken?: Interval
  readonly collections?: readonly string[]
  readonly ids?: readonly string[]
  /** The id of the last item on the page before. */
  readonly after?: string
}

export interface Page {
  readonly entries: readonly Entry[]
  readonly matched: number
  /** Absent on the last page. */
  readonly nextToken?: string
}

/** A larger wish is taken for this one, as STAC API asks. */
const maxLimit = 10_000
const defaultLimit = 10

/** Reads a body of POST /search. @throws CatalogError 400 */
export function parseSearch(body: SearchBody): Search {
  const { limit = defaultLimit, bbox, intersects, datetime, collections, ids, token } = body
  if (bbox !== undefined && intersects !== undefined) refuse('intersects', 'must not come together with bbox')
  return {
    limit: Math.min(limit, maxLimit),
    ...(bbox === undefined ? {} : { area: readBox(bbox) }),
    ...(intersects === undefined ? {} : { area: readGeometry(intersects, 'intersects') }),
    ...(datetime === undefined ? {} : { taken: parseDatetime(datetime) }),
    ...(collections === undefined ? {} : { collections }),
    ...(ids === undefined ? {} : { ids }),
    ...(token === undefined ? {} : { after: token }),
  }
}

/** Reads the same from a query string. @throws CatalogError 400 */
export function parseSearchQuery({ bbox, collections, ids, intersects, ...rest }: SearchQuery): Search {
  return parseSearch({
    ...rest,
    ...(bbox === undefined ? {} : { bbox: splitList(bbox, 'bbox').map(parseNumber) }),
    ...(collections === undefined ? {} : { collections: splitList(collections, 'collections') }),
    ...(ids === undefined ? {} : { ids: splitList(ids, 'ids') }),
    ...(intersects === undefined ? {} : { intersects: parseJson(intersects) }),
  })
}

function splitList(text: string, path: string): string[] {
  const parts = text.split(',').map((part) => part.trim())
  if (parts.includes('')) refuse(path, 'must be a list separated by commas, with nothing left empty')
  return parts
}

function parseNumber(text: string): number {
  if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) refuse('bbox', 'must hold only numbers')
  return Number(text)
}

function parseJson(text: string): NonNullable<SearchBody['intersects']> {
  try {
    // Not trusted yet: readGeometry takes anything.
    return JSON.parse(text) as NonNullable<SearchBody['intersects']>
  } catch {
    return refuse('intersects', 'must be a GeoJSON geometry, as JSON text')
  }
}

function readBox(bbox: readonly number[]): Part[] {
  const [west, south, lowest, east, north, highest] =
    bbox.length === 4 ? [bbox[0], bbox[1], 0, bbox[2], bbox[3], 0] : bbox.length === 6 ? bbox : []
  if (lowest === undefined || highest === undefined) refuse('bbox', 'must have 4 or 6 numbers')
  if (!isWithin(west, 180) || !isWithin(east, 180)) refuse('bbox', 'must have longitudes from -180 to 180')
  if (!isWithin(south, 90) || !isWithin(north, 90)) refuse('bbox', 'must have latitudes from -90 to 90')
  if (south > north) refuse('bbox', 'must have its south before its north')
  if (lowest > highest) refuse('bbox', 'must have its lowest height before its highest')
  // STAC API 1.0.0 item-search: a flat footprint is taken to lie at height 0.
  if (lowest > 0 || highest < 0) return []
  if (west <= east) return [boxOf(west, south, east, north)]
  return [boxOf(west, south, 180, north), boxOf(-180, south, east, north)]
}

function boxOf(west: number, south: number, east: number, north: number): Part {
  const corners = [
    [west, south],
    [east, south],
    [east, north],
    [west, north],
    [west, south],
  ] as const
  return partOf([corners], true)
}

export function matches({ item, parts, taken }: Entry, search: Search): boolean {
  if (search.ids !== undefined && !search.ids.includes(item.id)) return false
  if (search.collections !== undefined && !search.collections.includes(item.collection)) return false
  if (search.taken !== undefined && !overlap(taken, search.taken)) return false
  return search.area === undefined || intersects(search.area, parts)
}

/** @throws CatalogError 400 when the token is not of a page of this search */
export function findPage(entries: readonly Entry[], search: Search): Page {
  const found = entries.filter((entry) => matches(entry, search))
  const start = search.after === undefined ? 0 : found.findIndex(({ item }) => item.id === search.after) + 1
  if (start === 0 && search.after !== undefined) {
    refuse('token', 'must come from a next link of the same search')
  }
  const page = found.slice(start, start + search.limit)
  const last = page.at(-1)
  const hasMore = start + page.length < found.length
  return {
    entries: page,
    matched: found.length,
    ...(hasMore && last !== undefined ? { nextToken: last.item.id } : {}),
  }
}
