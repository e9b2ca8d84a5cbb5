import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { readJsonBody } from '../problems/json-body.js'
import { sendProblem } from '../problems/render.js'

/** A plugin of endpoints that manage keys or services. */
export type ManagementPlugin<Context> = FastifyPluginAsyncTypebox<{
  context: Context
  /** Clients whose tokens may manage; otherwise a service that a token was forwarded to could. */
  managementClients: readonly string[]
}>

/** What all endpoints have in common that manage keys and services: JSON alone, and tokens of known clients alone. */
export function prepareManagement(app: FastifyInstance, managementClients: readonly string[]): void {
  takeJsonOnly(app)
  app.addHook('onRequest', (request, reply, done) => {
    const { via, clientId = '' } = request.principal
    if (via === 'oauth2' && !managementClients.includes(clientId)) {
      return sendProblem(reply, 'client_not_allowed')
    }
    done()
  })
  // A POST without a body means one without members.
  app.addHook('preValidation', (request, _reply, done) => {
    if (request.method === 'POST' && request.body === undefined) request.body = {}
    done()
  })
}

/**
 * No forms and no text, which a page of any site can send; and JSON that was announced but not sent is no body. JSON is
 * read exactly, because much of it is stored; open routes store nothing and keep Fastify's parser, which costs less.
 */
function takeJsonOnly(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'buffer' },
    async (_: FastifyRequest, body: Buffer) => (body.length === 0 ? undefined : readJsonBody(body)),
  )
}
