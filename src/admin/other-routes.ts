import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import * as schemas from '../schemas/admin.js'
import { described, problemResponses, ref } from '../schemas/common.js'
import type { AdminContext } from './context.js'
import { listLedger } from './ledger.js'
import { administratorOf, byAdministrator, tags } from './operation.js'
import { setProvider, showProvider } from './provider.js'

const config = { access: byAdministrator }

/** The switch of API keys, and the ledger. */
export const otherAdministration: FastifyPluginAsyncTypebox<{ context: AdminContext }> = async (
  app,
  { context },
) => {
  app.get(
    '/admin/providers/api-key',
    {
      config,
      schema: {
        operationId: 'showApiKeyProvider',
        summary: 'Show Api Key Provider',
        description: 'Whether API keys are a way to authenticate here.',
        tags,
        response: {
          200: described(schemas.providerSchema, 'The provider.'),
          ...problemResponses(400, 401, 403),
        },
      },
    },
    async () => showProvider(context),
  )

  app.put(
    '/admin/providers/api-key',
    {
      config,
      schema: {
        operationId: 'setApiKeyProvider',
        summary: 'Set Api Key Provider',
        description:
          'Switches API keys off or on. Off, every key is refused, server keys too, and none can be made; switched on again, they work as before. Logins and OAuth2 tokens are not concerned. Where a file of the operator does this, it does it alone.',
        tags,
        body: ref(schemas.providerSchema),
        response: {
          200: described(schemas.providerSchema, 'The provider as it is now.'),
          ...problemResponses(400, 401, 403, 409, 413, 415),
        },
      },
    },
    async (request) => setProvider(context, administratorOf(request), request.body),
  )

  app.get(
    '/admin/audit',
    {
      config,
      schema: {
        operationId: 'listAudit',
        summary: 'List Audit Events',
        description:
          'The ledger of everything that changed a key, a service or a group, and of refused logins; the newest first, never a value.',
        tags,
        querystring: schemas.listAuditSchema,
        response: {
          200: described(schemas.auditPageSchema, 'A page of the ledger.'),
          ...problemResponses(400, 401, 403),
        },
      },
    },
    async (request) => listLedger(context, request.query),
  )
}
