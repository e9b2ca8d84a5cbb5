import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { sendProblem } from '../problems/render.js'
import { described, problemResponses } from '../schemas/common.js'
import { jwksSchema } from '../schemas/jwks.js'
import type { Keyring } from './keyring.js'

export interface JwksOptions {
  keyring: Pick<Keyring, 'published'>
}

/** Much shorter than the time for which a key is published before it signs. */
const maxAgeSeconds = 300

/** The public keys of assertions, for services that check them; open to everybody, scripts of any page too. */
export const jwksRoutes: FastifyPluginAsyncTypebox<JwksOptions> = async (app, { keyring }) => {
  app.get(
    '/.well-known/jwks.json',
    {
      schema: {
        operationId: 'listSigningKeys',
        summary: 'List Signing Keys',
        description:
          'The public keys that assertions for services are signed with (RFC 7517). A new one is here an hour before it is used.',
        tags: ['Check'],
        security: [],
        response: {
          200: described(jwksSchema, 'The keys, of which an assertion names one by its `kid`.'),
          ...problemResponses(),
        },
      },
    },
    async (_request, reply) => {
      const keys = keyring.published()
      // An answer without keys would be believed, and remembered.
      if (keys === null) return sendProblem(reply, 'unavailable')
      reply.header('cache-control', `public, max-age=${maxAgeSeconds}`)
      reply.header('access-control-allow-origin', '*')
      return { keys: [...keys] }
    },
  )
}
