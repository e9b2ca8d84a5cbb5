import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { administratorOf } from '../audit/actor.js'
import * as schemas from '../schemas/admin.js'
import { described, problemResponses, ref } from '../schemas/common.js'
import type { AdminContext } from './context.js'
import { setKeySwitch, showKeySwitch } from './key-switch.js'
import { byAdministrator, tags } from './route-defaults.js'

const config = { access: byAdministrator }

/** The switch of all API keys. */
export const keySwitchAdministration: FastifyPluginAsyncTypebox<{ context: AdminContext }> = async (
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
    async () => showKeySwitch(context),
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
    async (request) => setKeySwitch(context, administratorOf(request), request.body),
  )
}
