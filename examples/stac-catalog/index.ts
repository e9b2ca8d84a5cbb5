import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import type { FastifyPluginAsync } from 'fastify'
import { browseRoutes } from './browse-routes.js'
import type { CatalogUrls } from './links.js'
import { searchRoutes } from './search-routes.js'

export { CatalogError } from './errors.js'

export type StacCatalogOptions = CatalogUrls

/**
 * A small STAC API over sample records, as a service worth protecting.
 * It guards nothing itself: register it, under a prefix, in a scope whose hook reads `config.access`.
 */
export const stacCatalog: FastifyPluginAsync<StacCatalogOptions> = async (app, options) => {
  const urls = { ...options, baseUrl: options.baseUrl.replace(/\/+$/, '') }
  const typed = app.withTypeProvider<TypeBoxTypeProvider>()
  browseRoutes(typed, urls)
  searchRoutes(typed, urls)
}
