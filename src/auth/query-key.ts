import type { FastifyReply, FastifyRequest } from 'fastify'
import { removeQueryKey } from './credentials.js'

/**
 * Removes the key from the URL after it was read: neither the route nor a service that it calls sees it, nor does any
 * other site that the answer leads to.
 */
export function hideQueryKey(request: FastifyRequest, reply: FastifyReply): void {
  const { raw } = request
  const url = raw.url ?? ''
  const cleanUrl = removeQueryKey(url)
  if (cleanUrl === url) return
  raw.url = cleanUrl
  const query = request.query as Record<string, unknown>
  delete query.api_key
  delete query['api-key']
  reply.header('referrer-policy', 'no-referrer')
}
