import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { entries } from '../../examples/stac-catalog/data.js'
import { itemParams, itemsQuery, searchBody, searchQuery } from '../../examples/stac-catalog/requests.js'
import type { ItemCollection, Link } from '../../examples/stac-catalog/schemas.js'
import { aCatalog, baseUrl, idsOf, linkOf } from './a-catalog.js'

const allIds = entries.map(({ item }) => item.id)
const zurich = 'S2B_MSIL2A_20260114T100552_N0512_R108_T32TMT_20260114T132231'
let catalog: Awaited<ReturnType<typeof aCatalog>>

beforeAll(async () => {
  catalog = await aCatalog()
})
afterAll(() => catalog.app.close())

/** Follows next links to the end. */
async function readPages(first: { href: string; method?: string; body?: object }) {
  const ids: string[] = []
  let next: typeof first | undefined = first
  while (next !== undefined) {
    const page: ItemCollection = (await catalog.follow(next)).json()
    ids.push(...idsOf(page))
    const link: Link | undefined = linkOf(page, 'next')
    // As STAC API asks: what the link carries is merged into the body that was sent.
    next = link && { ...link, ...(link.merge === true ? { body: { ...next.body, ...link.body } } : {}) }
  }
  return ids
}

describe('browsing', () => {
  test('every link begins with the public address and leads somewhere', async () => {
    const seen = new Set<string>()
    const queue: Link[] = [{ rel: 'root', href: baseUrl }]
    for (let link = queue.shift(); link !== undefined; link = queue.shift()) {
      const name = `${link.method ?? 'GET'} ${link.href} ${JSON.stringify(link.body)}`
      if (seen.has(name)) continue
      seen.add(name)

      const response = await catalog.follow({
        ...link,
        ...(link.method === 'POST' ? { body: link.body ?? {} } : {}),
      })

      expect(`${response.statusCode} ${name}`).toBe(`200 ${name}`)
      expect(link.href.startsWith(baseUrl)).toBe(true)
      if (link.type !== undefined) expect(response.headers['content-type']).toContain(link.type)
      const { links = [], features = [], collections = [] } = response.json()
      for (const { links: more } of [{ links }, ...features, ...collections]) queue.push(...more)
    }
    expect(seen.size).toBeGreaterThan(60)
  })

  test('the landing page has what STAC clients look for, with or without a slash at its end', async () => {
    const landing = (await catalog.get('/')).json()

    expect((await catalog.get('')).json()).toEqual(landing)
    expect(landing).toMatchObject({ type: 'Catalog', stac_version: '1.1.0' })
    expect(landing.links.map(({ rel }: Link) => rel)).toEqual(
      expect.arrayContaining(['self', 'root', 'conformance', 'data', 'search', 'child']),
    )
    expect((await catalog.get('/conformance')).json().conformsTo).toEqual(landing.conformsTo)
    expect(landing.conformsTo.join()).not.toMatch(/filter|sort|fields|query|transaction/)
  })

  test('the landing page names the API description when the parent tells where it is', async () => {
    const other = await aCatalog({
      baseUrl: `${baseUrl}/`,
      serviceDescUrl: 'https://keys.example.test/openapi.json',
    })

    const landing = (await other.get('')).json()

    expect(linkOf(landing, 'service-desc')?.href).toBe('https://keys.example.test/openapi.json')
    expect(linkOf(landing, 'service-doc')).toBeUndefined()
    expect(linkOf(landing, 'root')?.href).toBe(baseUrl)
    await other.app.close()
  })

  test('an item arrives whole, extension members and all', async () => {
    const item = entries.find(({ item }) => item.id === zurich)?.item

    const response = await catalog.get(`/collections/sentinel-2-l2a/items/${zurich}`)

    expect(response.headers['content-type']).toContain('application/geo+json')
    expect(response.json()).toEqual({ ...item, links: expect.any(Array) })
  })

  test.each([
    '/collections/landsat-c2-l2',
    '/collections/landsat-c2-l2/items',
    `/collections/landsat-c2-l2/items/${zurich}`,
    '/collections/sentinel-2-l2a/items/nothing',
    `/collections/sentinel-1-grd/items/${zurich}`,
    '/collections/..%2f..%2fpackage.json',
    '/collections/__proto__',
  ])('there is nothing at %s', async (path) => {
    const response = await catalog.get(path)

    expect(response.statusCode).toBe(404)
    expect(response.json()).toMatchObject({ code: 'not_found', message: expect.stringMatching(/no such/) })
  })
})

describe('the examples in the documentation', () => {
  const exampleOf = (schema: object) => (Reflect.get(schema, 'examples') as string[] | undefined)?.[0]

  test.each(Reflect.get(searchBody, 'examples') as object[])('find something: POST %j', async (body) => {
    expect((await catalog.search(body)).json().features).not.toHaveLength(0)
  })

  test('find something: the query strings that Swagger UI fills in', async () => {
    const collectionId = exampleOf(itemParams.properties.collectionId)
    for (const [path, { properties }] of [
      ['/search', searchQuery],
      [`/collections/${collectionId}/items`, itemsQuery],
    ] as const) {
      const query = new URLSearchParams()
      for (const [name, schema] of Object.entries(properties)) query.set(name, exampleOf(schema) ?? '')
      for (const [name, value] of [...query]) if (value === '') query.delete(name)

      expect((await catalog.get(`${path}?${query}`)).json().features).not.toHaveLength(0)
    }
  })

  test('find something: the ids', async () => {
    const { collectionId, itemId } = itemParams.properties

    const response = await catalog.get(`/collections/${exampleOf(collectionId)}/items/${exampleOf(itemId)}`)

    expect(response.statusCode).toBe(200)
  })
})

describe('paging', () => {
  test.each([1, 7, 48, 10_000])(
    'by GET, %i at a time, yields each item once, newest first',
    async (limit) => {
      expect(await readPages({ href: `/catalog/search?limit=${limit}` })).toEqual(allIds)
    },
  )

  test.each([1, 7, 48, 10_000])(
    'by POST, %i at a time, yields each item once, newest first',
    async (limit) => {
      const first = { href: '/catalog/search', method: 'POST', body: { limit } }

      expect(await readPages(first)).toEqual(allIds)
    },
  )

  test('through a collection keeps its filters', async () => {
    const query = 'limit=2&bbox=-180,0,180,90&datetime=2026-02-01T00:00:00Z/..'
    const northern = entries.filter(({ item: { collection, bbox, properties } }) => {
      return collection === 'sentinel-2-l2a' && (bbox[1] ?? 0) > 0 && properties.datetime > '2026-02'
    })

    const ids = await readPages({ href: `/catalog/collections/sentinel-2-l2a/items?${query}` })

    expect(ids).toEqual(northern.map(({ item }) => item.id))
  })

  test('gives ten items unless told otherwise, and counts them all', async () => {
    for (const page of [(await catalog.get('/search')).json(), (await catalog.search({})).json()]) {
      expect(page).toMatchObject({ numberMatched: 48, numberReturned: 10, features: { length: 10 } })
    }
  })

  test('never repeats a key of the query string in a link', async () => {
    const response = await catalog.get('/search?limit=2&api_key=lk_topsecret')

    expect(linkOf(response.json(), 'next')).toBeDefined()
    expect(response.body).not.toContain('topsecret')
  })
})
