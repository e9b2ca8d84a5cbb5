import { Ajv } from 'ajv'
import formats from 'ajv-formats'
import Fastify from 'fastify'
import { type CatalogError, type StacCatalogOptions, stacCatalog } from '../../examples/stac-catalog/index.js'
import type { ItemCollection, Link } from '../../examples/stac-catalog/schemas.js'

export const baseUrl = 'https://keys.example.test/catalog'

/** The plugin as its parent registers it: bodies are strict, query strings coerce and drop what they do not know. */
export async function aCatalog(options: Partial<StacCatalogOptions> = {}) {
  const strict = new Ajv({ allErrors: false })
  const coercing = new Ajv({ coerceTypes: 'array', useDefaults: true, removeAdditional: true })
  for (const ajv of [strict, coercing]) formats.default(ajv)
  const app = Fastify()
  app.setValidatorCompiler(({ schema, httpPart }) =>
    (httpPart === 'body' ? strict : coercing).compile(schema as object),
  )
  app.setErrorHandler((error: CatalogError, _request, reply) => {
    const { statusCode = 500, code, message, errors } = error
    return reply.code(statusCode).send({ statusCode, code, message, errors })
  })
  await app.register(stacCatalog, { prefix: '/catalog', baseUrl, ...options })

  const follow = ({ href, method = 'GET', body }: Pick<Link, 'href' | 'method' | 'body'>) =>
    app.inject({
      method: method as 'GET' | 'POST',
      url: href.replace(/^https:\/\/keys\.example\.test/, ''),
      ...(body === undefined ? {} : { payload: body }),
    })
  const get = (path: string) => app.inject(`/catalog${path}`)
  const search = (body: object) => app.inject({ method: 'POST', url: '/catalog/search', payload: body })
  return { app, follow, get, search }
}

export const linkOf = (page: { links: Link[] }, rel: string) => page.links.find((link) => link.rel === rel)
export const idsOf = (page: ItemCollection) => page.features.map(({ id }) => id)
