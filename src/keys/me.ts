import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Principal } from '../auth/types.js'
import { described, problemResponses } from '../schemas/common.js'
import { type Me, meSchema } from '../schemas/principal.js'

/** Tells every caller who they are. */
export const meRoutes: FastifyPluginAsyncTypebox = async (app) => {
  app.get(
    '/me',
    {
      config: { access: {} },
      schema: {
        operationId: 'showMyInformation',
        summary: 'Show My Information',
        description: 'Who the caller is, whichever credential was used.',
        tags: ['API-Key Manager'],
        response: { 200: described(meSchema, 'The caller.'), ...problemResponses(400, 401, 403) },
      },
    },
    async (request) => describePrincipal(request.principal),
  )
}

function describePrincipal(principal: Principal): Me {
  return {
    subject: principal.subject,
    login: principal.login,
    name: principal.name,
    email: principal.email,
    kind: principal.kind,
    via: principal.via,
    roles: [...principal.roles],
    scopes: [...principal.scopes],
    attributes: principal.attributes,
    ...(principal.keyId === undefined ? {} : { key_id: principal.keyId }),
  }
}
