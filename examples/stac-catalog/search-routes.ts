import { catalogAccess, searchAccess } from './access.js'
import type { CatalogApp } from './browse-routes.js'
import { entries, requireCollection } from './data.js'
import { type CatalogUrls, geoJson, itemLinks, pageLinks, postPageLinks } from './links.js'
import { collectionParams, itemsQuery, searchBody, searchQuery } from './requests.js'
import { badRequest, type ItemCollection, itemCollectionSchema, type Link, notFound } from './schemas.js'
import { findPage, type Page, parseSearch, parseSearchQuery } from './search.js'

const tags = ['Catalogue']
const found = {
  description: 'One page of what matches, newest first.',
  content: { [geoJson]: { schema: itemCollectionSchema } },
}

/** What is looked for: the items of a collection, and the search over all. */
export function searchRoutes(app: CatalogApp, { baseUrl }: CatalogUrls) {
  app.get(
    '/collections/:collectionId/items',
    {
      config: { access: catalogAccess },
      schema: {
        tags,
        operationId: 'getItems',
        summary: 'List Items',
        description: 'The items of a collection, newest first, a page at a time.',
        params: collectionParams,
        querystring: itemsQuery,
        response: { 200: found, 400: badRequest, 404: notFound },
      },
    },
    async (request, reply) => {
      const { collectionId } = request.params
      requireCollection(collectionId)
      const page = findPage(entries, { ...parseSearchQuery(request.query), collections: [collectionId] })
      const path = `/collections/${encodeURIComponent(collectionId)}`
      reply.type(geoJson)
      return present(page, [
        ...pageLinks(baseUrl, `${path}/items`, request.query, page.nextToken),
        { rel: 'collection', type: 'application/json', href: `${baseUrl}${path}` },
      ])
    },
  )

  app.get(
    '/search',
    {
      config: { access: catalogAccess },
      schema: {
        tags,
        operationId: 'searchItems',
        summary: 'Search Items',
        description: 'Items of all collections that match every parameter, newest first, a page at a time.',
        querystring: searchQuery,
        response: { 200: found, 400: badRequest },
      },
    },
    async (request, reply) => {
      const page = findPage(entries, parseSearchQuery(request.query))
      reply.type(geoJson)
      return present(page, pageLinks(baseUrl, '/search', request.query, page.nextToken))
    },
  )

  app.post(
    '/search',
    {
      config: { access: searchAccess },
      schema: {
        tags,
        operationId: 'searchItemsByPost',
        summary: 'Search Items by POST',
        description: 'The same search with a JSON body, for large geometries. It only reads.',
        body: searchBody,
        response: { 200: found, 400: badRequest },
      },
    },
    async (request, reply) => {
      const page = findPage(entries, parseSearch(request.body))
      reply.type(geoJson)
      return present(page, postPageLinks(baseUrl, page.nextToken))
    },
  )

  function present(page: Page, links: Link[]): ItemCollection {
    return {
      type: 'FeatureCollection',
      features: page.entries.map(({ item }) => ({ ...item, links: itemLinks(baseUrl, item) })),
      links,
      numberMatched: page.matched,
      numberReturned: page.entries.length,
    }
  }
}
