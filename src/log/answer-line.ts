import type { FastifyBaseLogger, FastifyReply, FastifyRequest } from 'fastify'

/**
 * Writes the one line of an answer. It names the request itself, so that no logger of the request is made for it.
 * @param log of the whole server
 * @param more members of the line
 */
export function logAnswer(
  log: FastifyBaseLogger,
  request: FastifyRequest,
  reply: FastifyReply,
  { level = 'info', service }: { level?: 'info' | 'debug'; service?: string | undefined } = {},
): void {
  const { principal } = request
  const caller = principal && { subject: principal.subject, via: principal.via, keyId: principal.keyId }
  log[level](
    { reqId: request.id, req: request, res: reply, ms: Math.round(reply.elapsedTime), service, caller },
    'answered',
  )
}
