import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { catalogAccess } from './access.js'
import { collections, requireCollection, requireItem } from './data.js'
import * as links from './links.js'
import { collectionParams, itemParams } from './requests.js'
import {
  type Collection,
  collectionSchema,
  collectionsSchema,
  conformanceSchema,
  itemSchema,
  landingSchema,
  notFound,
} from './schemas.js'

/** Only what is really there: a client believes these. */
const conformsTo = [
  'https://api.stacspec.org/v1.0.0/core',
  'https://api.stacspec.org/v1.0.0/collections',
  'https://api.stacspec.org/v1.0.0/ogcapi-features',
  'https://api.stacspec.org/v1.0.0/item-search',
  'http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core',
  'http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/geojson',
]

const tags = ['Catalogue']
const config = { access: catalogAccess }

export type CatalogApp = Parameters<FastifyPluginAsyncTypebox>[0]

/** What is read by its address: the landing page, collections and single items. */
export function browseRoutes(app: CatalogApp, urls: links.CatalogUrls) {
  const { baseUrl } = urls

  const landing = {
    type: 'Catalog' as const,
    stac_version: '1.1.0' as const,
    id: 'latchkey-example',
    title: 'Latchkey example catalogue',
    description: 'Invented sample records of Sentinel products, served behind the access check of Latchkey.',
    conformsTo,
    links: links.landingLinks(urls, collections),
  }
  const landingDoc = {
    tags,
    operationId: 'getCatalog',
    summary: 'Landing Page',
    description: 'What the catalogue is, what it can do, and where to go from here.',
    response: {
      200: {
        description: 'The root of the catalogue.',
        content: { [links.json]: { schema: landingSchema } },
      },
    },
  }
  // People type the slash and Fastify would document both spellings, under one operationId.
  app.get('/', { prefixTrailingSlash: 'no-slash', config, schema: landingDoc }, async () => landing)
  if (app.prefix !== '') {
    const schema = { ...landingDoc, hide: true }
    app.get('/', { prefixTrailingSlash: 'slash', config, schema }, async () => landing)
  }

  app.get(
    '/conformance',
    {
      config,
      schema: {
        tags,
        operationId: 'getCatalogConformance',
        summary: 'List Conformance Classes',
        description: 'The parts of STAC API and OGC API - Features that the catalogue implements.',
        response: {
          200: {
            description: 'The conformance classes.',
            content: { [links.json]: { schema: conformanceSchema } },
          },
        },
      },
    },
    async () => ({ conformsTo }),
  )

  app.get(
    '/collections',
    {
      config,
      schema: {
        tags,
        operationId: 'getCollections',
        summary: 'List Collections',
        description: 'All collections, on one page.',
        response: {
          200: { description: 'The collections.', content: { [links.json]: { schema: collectionsSchema } } },
        },
      },
    },
    async () => ({
      collections: collections.map((collection) => present(collection)),
      links: links.collectionsLinks(baseUrl),
    }),
  )

  app.get(
    '/collections/:collectionId',
    {
      config,
      schema: {
        tags,
        operationId: 'getCollection',
        summary: 'Get Collection',
        description: 'One collection by its id.',
        params: collectionParams,
        response: {
          200: { description: 'The collection.', content: { [links.json]: { schema: collectionSchema } } },
          404: notFound,
        },
      },
    },
    async (request) => present(requireCollection(request.params.collectionId)),
  )

  app.get(
    '/collections/:collectionId/items/:itemId',
    {
      config,
      schema: {
        tags,
        operationId: 'getItem',
        summary: 'Get Item',
        description: 'One item by its id.',
        params: itemParams,
        response: {
          200: { description: 'The item.', content: { [links.geoJson]: { schema: itemSchema } } },
          404: notFound,
        },
      },
    },
    async (request, reply) => {
      const item = requireItem(request.params.collectionId, request.params.itemId)
      reply.type(links.geoJson)
      return { ...item, links: links.itemLinks(baseUrl, item) }
    },
  )

  const present = (collection: Collection) => ({
    ...collection,
    links: links.collectionLinks(baseUrl, collection.id),
  })
}
