import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import Type from 'typebox'
import { sendProblem } from '../problems/render.js'
import type { ServiceRegistry } from '../services/types.js'
import type { Json } from './check-document.js'
import { type KeepOptions, type Known, keepDocuments } from './keep-documents.js'
import { rewriteDocument } from './rewrite-document.js'

export interface ServiceDocumentsOptions extends Omit<KeepOptions, 'log'> {
  registry: Pick<ServiceRegistry, 'list' | 'find'>
  /** Where this service is reached. */
  publicUrl: string
  /** Where the gateway is. */
  gatewayUrl: string
}

/** The locks of this service's document that open services too: a session never does. */
const sharedLocks = ['oauth2', 'apiKey']

/** The documents of the services behind the gateway, for Swagger UI; as open as its page. */
export const serviceDocuments: FastifyPluginAsyncTypebox<ServiceDocumentsOptions> = async (app, options) => {
  const { registry, publicUrl, gatewayUrl } = options
  const keeper = keepDocuments({ ...options, log: app.log })
  const rewritten = new WeakMap<Known, { for: object; text: string }>()
  let locks: Json = {}
  app.addHook('onReady', async () => {
    locks = readLocks(app.swagger())
  })
  app.addHook('onRequest', (_request, reply, done) => {
    reply.header('cache-control', 'no-cache')
    done()
  })

  /** What Swagger UI reads as its configuration: the documents to choose from, when there is a choice. */
  app.get('/docs/services.json', { schema: { hide: true } }, () => {
    const documented = registry.list().filter(({ descriptor }) => descriptor.openapi_url !== null)
    if (documented.length === 0) return {}
    const own = { name: 'Latchkey', url: `${publicUrl}/docs/json` }
    const named = documented.map(({ descriptor: { id, name } }) => ({
      id,
      name: name === own.name ? id : name,
    }))
    const urls = makeNamesUnique(named).map(({ id, name }) => ({
      name,
      url: `${publicUrl}/docs/services/${id}.json`,
    }))
    return { urls: [own, ...urls] }
  })

  app.get(
    '/docs/services/:file',
    { schema: { hide: true, params: Type.Object({ file: Type.String({ maxLength: 100 }) }) } },
    async ({ params }, reply) => {
      const service = registry.find(params.file.replace(/\.json$/, ''))
      if (service === 'unknown') return sendProblem(reply, 'unavailable')
      if (service === null || !params.file.endsWith('.json')) return sendProblem(reply, 'not_found')
      const { descriptor } = service
      if (descriptor.openapi_url === null) return sendProblem(reply, 'not_found')
      const known = await keeper.know(service, descriptor.openapi_url)
      const { kept, fault } = known
      if (kept === null) {
        return sendProblem(reply, 'bad_gateway', { detail: `The document of this service ${fault}.` })
      }
      let text = rewritten.get(known)
      // A descriptor that was changed is another object.
      if (text?.for !== descriptor) {
        const stale = fault === null ? null : { fetchedAt: kept.fetchedAt, reason: fault }
        const document = rewriteDocument(kept.document, { service: descriptor, gatewayUrl, locks, stale })
        text = { for: descriptor, text: JSON.stringify(document) }
        rewritten.set(known, text)
      }
      return reply.type('application/json; charset=utf-8').send(text.text)
    },
  )
}

function readLocks(document: unknown): Json {
  const { components } = document as { components?: { securitySchemes?: Json } }
  const schemes = Object.entries(components?.securitySchemes ?? {})
  return Object.fromEntries(schemes.filter(([name]) => sharedLocks.includes(name)))
}

/** Adds the id to a name that two services share, because Swagger UI finds the chosen service by its name. */
function makeNamesUnique(services: readonly { id: string; name: string }[]) {
  return services.map(({ id, name }) => {
    const isTaken = services.some((other) => other.id !== id && other.name === name)
    return { id, name: isTaken ? `${name} (${id})` : name }
  })
}
