import type { FastifyInstance } from 'fastify'
import { stacCatalog } from '../../examples/stac-catalog/index.js'
import auth, { type AuthOptions } from '../auth/index.js'
import { problemResponses } from '../schemas/common.js'

/** An example of a protected service. It takes tokens and keys as any other service, and never this site's session. */
export async function exampleCatalog(
  guarded: FastifyInstance,
  { publicUrl, authOptions }: { publicUrl: string; authOptions: AuthOptions },
): Promise<void> {
  await guarded.register(auth, authOptions)
  guarded.addHook('onRoute', ({ schema = {} }) => {
    const ofBody = schema.body === undefined ? [] : ([413, 415] as const)
    schema.response = { ...problemResponses(400, 401, 403, ...ofBody), ...(schema.response as object) }
  })
  await guarded.register(stacCatalog, {
    baseUrl: `${publicUrl}${guarded.prefix}`,
    serviceDescUrl: `${publicUrl}/docs/json`,
    serviceDocUrl: `${publicUrl}/docs`,
  })
}
