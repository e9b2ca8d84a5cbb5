import type { FastifyRequest } from 'fastify'
import { isSafeMethod } from '../auth/same-origin.js'
import type { Access } from '../auth/types.js'
import type { RegisteredService } from '../services/types.js'
import { isWebSocket } from './accept-upgrades.js'

/**
 * Chooses what a service asks of a call: nothing for a public path, the rights of reading for safe methods and safe
 * POSTs, those of writing for the rest.
 * @returns null where a rule of the service lets the path through in one reading and not in another
 */
export function chooseAccess(service: RegisteredService, request: FastifyRequest): Access | null {
  const { method } = request
  // A WebSocket begins with a GET, but it is no reading. Who offers another protocol is answered in HTTP/1.1.
  if ((method === 'GET' || method === 'HEAD') && !isWebSocket(request)) {
    return follow(service.publicPaths, request, service.publicAccess, service.readAccess)
  }
  if (method === 'POST') {
    return follow(service.safePosts, request, service.safePostAccess, service.writeAccess)
  }
  return isSafeMethod(method) ? service.readAccess : service.writeAccess
}

function follow(
  rules: RegisteredService['publicPaths'],
  { raw, readings = [] }: FastifyRequest,
  inside: Access,
  outside: Access,
): Access | null {
  const [path = ''] = (raw.url ?? '').split('?', 1)
  const decision = rules.allow(path, readings)
  if (decision === 'ambiguous') return null
  return decision === 'allowed' ? inside : outside
}
