import { ownerOf } from '../audit/actor.js'
import { type ManagementPlugin, prepareManagement } from '../auth/management-scope.js'
import { described, problemResponses, ref } from '../schemas/common.js'
import { keyParametersSchema } from '../schemas/key.js'
import { createLinkSchema, linkSchema } from '../schemas/link.js'
import { type LinkContext, makeLink } from './make.js'

export const linkRoutes: ManagementPlugin<LinkContext> = async (app, options) => {
  const { context, managementClients } = options
  prepareManagement(app, managementClients)

  app.post(
    '/api-keys/:id/links',
    {
      config: { access: { by: 'login' } },
      schema: {
        operationId: 'createLink',
        summary: 'Create Link',
        description:
          'Makes a URL that opens one path behind the gateway, and what lies below it, with this key: for tools that only take a URL. It takes GET and HEAD, lives for a day at most, and **whoever has it may use it**; it ends with its key.',
        tags: ['API-Key Manager'],
        params: keyParametersSchema,
        body: ref(createLinkSchema),
        response: {
          201: described(linkSchema, 'The link, which is kept nowhere.'),
          ...problemResponses(400, 401, 403, 404, 413, 415),
        },
      },
    },
    async (request, reply) => {
      const link = await makeLink(context, ownerOf(request), request.params.id, request.body)
      reply.code(201)
      return link
    },
  )
}
