import httpProxy from '@fastify/http-proxy'
import replyFrom from '@fastify/reply-from'
import { createService, type Server } from './service.js'

/** As its documentation shows it: one target, nothing looked at. */
export async function openReplyFrom(upstream: string): Promise<Server> {
  const app = createService()
  await app.register(replyFrom, { base: upstream })
  app.all('/*', (request, reply) => reply.from(request.url))
  return { app }
}

/** The same by the plugin made of it. */
export async function openHttpProxy(upstream: string): Promise<Server> {
  const app = createService()
  await app.register(httpProxy, { upstream })
  return { app }
}
