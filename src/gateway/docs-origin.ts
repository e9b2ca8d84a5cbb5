import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'

export interface DocsOriginOptions {
  /** The origin of the page with Swagger UI, which is another one than the gateway's. */
  origin: string
}

const maxAgeSeconds = 600

/**
 * Lets "Try it out" of our own page call every service and read its answers, whatever the service itself says to pages
 * of other origins. The page sends its credential in a header and never a cookie, so it may do what any script with that
 * credential may. Register it before what refuses.
 */
const docsOrigin: FastifyPluginAsync<DocsOriginOptions> = async (app, { origin }) => {
  app.addHook('onRequest', (request, reply, done) => {
    const { method, headers } = request
    if (headers.origin !== origin) return done()
    // They stand over what the service says, and on the gateway's own refusals too, which people want to read.
    reply.header('access-control-allow-origin', origin)
    reply.header('access-control-expose-headers', '*')
    reply.header('vary', 'Origin')
    const wantedMethod = headers['access-control-request-method']
    if (method !== 'OPTIONS' || wantedMethod === undefined) return done()
    reply.header('access-control-allow-methods', wantedMethod)
    reply.header('access-control-allow-headers', headers['access-control-request-headers'] ?? '')
    reply.header('access-control-max-age', maxAgeSeconds)
    return reply.code(204).send()
  })
}

export default fp(docsOrigin, { name: 'latchkey-docs-origin', fastify: '5.x' })
