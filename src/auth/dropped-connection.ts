import type { FastifyReply, FastifyRequest } from 'fastify'

/**
 * Lets go of a request whose connection was reset before it was read: nobody is there to answer, and there is no
 * address to hold a credential to.
 * @returns whether it was one; then no hook may go on with it
 */
export function dropIfGone(request: FastifyRequest, reply: FastifyReply): boolean {
  // Typed as always there, which it is while the connection lives.
  if (request.ip !== undefined) return false
  reply.hijack()
  request.raw.destroy()
  return true
}
