import type { SearchQuery } from './requests.js'
import type { Collection, Item, Link } from './schemas.js'

/** Where the catalogue is seen from outside; every link begins with it, whatever host a request names. */
export interface CatalogUrls {
  /** Of its root, such as `http://127.0.0.1:3000/catalog`. */
  readonly baseUrl: string
  /** Of the OpenAPI document; STAC API core wants it on the landing page. */
  readonly serviceDescUrl?: string
  /** Of the documentation for people. */
  readonly serviceDocUrl?: string
}

export const json = 'application/json'
export const geoJson = 'application/geo+json'

const rootLink = (baseUrl: string): Link => ({ rel: 'root', type: json, href: baseUrl })

const collectionHref = (baseUrl: string, id: string) => `${baseUrl}/collections/${encodeURIComponent(id)}`

export function landingLinks(
  { baseUrl, serviceDescUrl, serviceDocUrl }: CatalogUrls,
  collections: readonly Collection[],
): Link[] {
  const search = { rel: 'search', type: geoJson, href: `${baseUrl}/search` }
  return [
    rootLink(baseUrl),
    { rel: 'self', type: json, href: baseUrl },
    { rel: 'conformance', type: json, href: `${baseUrl}/conformance` },
    { rel: 'data', type: json, href: `${baseUrl}/collections` },
    { ...search, title: 'Search', method: 'GET' },
    { ...search, title: 'Search', method: 'POST' },
    ...(serviceDescUrl === undefined
      ? []
      : [{ rel: 'service-desc', type: 'application/vnd.oai.openapi+json', href: serviceDescUrl }]),
    ...(serviceDocUrl === undefined ? [] : [{ rel: 'service-doc', type: 'text/html', href: serviceDocUrl }]),
    ...collections.map(({ id, title }) => ({
      rel: 'child',
      type: json,
      title,
      href: collectionHref(baseUrl, id),
    })),
  ]
}

export const collectionsLinks = (baseUrl: string): Link[] => [
  rootLink(baseUrl),
  { rel: 'parent', type: json, href: baseUrl },
  { rel: 'self', type: json, href: `${baseUrl}/collections` },
]

export function collectionLinks(baseUrl: string, id: string): Link[] {
  const self = collectionHref(baseUrl, id)
  return [
    rootLink(baseUrl),
    { rel: 'parent', type: json, href: baseUrl },
    { rel: 'self', type: json, href: self },
    { rel: 'items', type: geoJson, href: `${self}/items` },
  ]
}

export function itemLinks(baseUrl: string, item: Item): Link[] {
  const collection = collectionHref(baseUrl, item.collection)
  return [
    rootLink(baseUrl),
    { rel: 'parent', type: json, href: collection },
    { rel: 'collection', type: json, href: collection },
    { rel: 'self', type: geoJson, href: `${collection}/items/${encodeURIComponent(item.id)}` },
  ]
}

/**
 * The links of a page asked for by GET.
 */
export function pageLinks(
  baseUrl: string,
  path: string,
  { limit, bbox, datetime, collections, ids, intersects, token }: SearchQuery,
  nextToken?: string,
): Link[] {
  // Named one by one: the caller's key may be in the query string too, and must not come back in a link.
  const query = { limit, bbox, datetime, collections, ids, intersects, token }
  return [
    rootLink(baseUrl),
    { rel: 'self', type: geoJson, href: withQuery(`${baseUrl}${path}`, query) },
    ...(nextToken === undefined
      ? []
      : [
          {
            rel: 'next',
            type: geoJson,
            method: 'GET',
            href: withQuery(`${baseUrl}${path}`, { ...query, token: nextToken }),
          },
        ]),
  ]
}

/** The links of a page asked for by POST: the client sends its body again with the token merged in. */
export function postPageLinks(baseUrl: string, nextToken?: string): Link[] {
  const search = { type: geoJson, method: 'POST', href: `${baseUrl}/search` }
  return [
    rootLink(baseUrl),
    { rel: 'self', ...search },
    ...(nextToken === undefined ? [] : [{ rel: 'next', ...search, body: { token: nextToken }, merge: true }]),
  ]
}

function withQuery(href: string, query: Readonly<Record<string, string | number | undefined>>): string {
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) search.set(name, String(value))
  }
  return search.size === 0 ? href : `${href}?${search}`
}
