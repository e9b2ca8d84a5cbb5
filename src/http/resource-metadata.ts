// Only for the type of `schema.hide`.
import type {} from '@fastify/swagger'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply } from 'fastify'
import { described, problemResponses } from '../schemas/common.js'
import { type ResourceMetadata, resourceMetadataSchema } from '../schemas/resource-metadata.js'

export interface ResourceMetadataOptions {
  publicUrl: string
  /** Who logs people in, and the public client of the command line there; null: nobody does. */
  login: { issuer: string; cliClientId: string } | null
  /** Default: there is no gateway. */
  gatewayUrl?: string | undefined
}

const wellKnown = '/.well-known/oauth-protected-resource'
const maxAgeSeconds = 300

/** Who logs people in for this service, and as which client; open to everybody, scripts of any page too. */
export const resourceMetadataRoutes: FastifyPluginAsyncTypebox<ResourceMetadataOptions> = async (
  app,
  options,
) => {
  const metadata = describeResource(options)
  const answer = async (_request: unknown, reply: FastifyReply) => {
    reply.header('cache-control', `public, max-age=${maxAgeSeconds}`)
    reply.header('access-control-allow-origin', '*')
    return metadata
  }
  const schema = {
    operationId: 'showResourceMetadata',
    summary: 'Show Resource Metadata',
    description:
      'Where a program logs somebody in for this service, and as which client (RFC 9728). The command line needs nothing but this and the address.',
    tags: ['Discovery'],
    security: [],
    response: { 200: described(resourceMetadataSchema, 'The service.'), ...problemResponses() },
  }
  app.get(wellKnown, { schema }, answer)

  // RFC 9728 §3.1 puts the path of a service behind the well-known one, at the origin. A proxy that strips the path
  // hands on what lies below it, which is the route above; whether it hands this one on as well is for its operator.
  const { pathname } = new URL(options.publicUrl)
  if (pathname !== '/') app.get(wellKnown + pathname, { schema: { ...schema, hide: true } }, answer)
}

function describeResource({ publicUrl, login, gatewayUrl }: ResourceMetadataOptions) {
  return {
    resource: publicUrl,
    ...(login === null ? {} : { authorization_servers: [login.issuer] }),
    bearer_methods_supported: ['header'],
    resource_name: 'Latchkey',
    resource_documentation: `${publicUrl}/docs`,
    ...(login === null ? { latchkey_single_user: true } : { latchkey_cli_client_id: login.cliClientId }),
    ...(gatewayUrl === undefined ? {} : { latchkey_gateway_url: gatewayUrl }),
  } satisfies ResourceMetadata
}
