import type { FastifyRequest } from 'fastify'
import type { Principal } from '../auth/types.js'

/** The person or server that asks for a change, and where the request came from. */
export interface Actor {
  principal: Principal
  address: string
  requestId: string
  /** An owner reaches their own keys only; an administrator reaches the keys of every owner. */
  actingAs: 'owner' | 'administrator'
}

/** Reads the actor of a request that concerns the caller's own keys. */
export const ownerOf = (request: FastifyRequest): Actor => readActor(request, 'owner')

/** Reads the actor of a request to a route for administrators. */
export const administratorOf = (request: FastifyRequest): Actor => readActor(request, 'administrator')

const readActor = ({ principal, ip, id }: FastifyRequest, actingAs: Actor['actingAs']): Actor => ({
  ...{ principal, address: ip, requestId: id, actingAs },
})

/** Returns the members of an audit event that describe its actor. */
export const describeActor = ({ principal, address, requestId }: Actor) => ({
  actor: {
    subject: principal.subject,
    login: principal.login,
    via: principal.via,
    ...(principal.keyId === undefined ? {} : { keyId: principal.keyId }),
  },
  address,
  requestId,
})
