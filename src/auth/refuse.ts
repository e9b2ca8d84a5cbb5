import type { FastifyReply, FastifyRequest } from 'fastify'
import { sendProblem } from '../errors.js'
import type { Verdict } from './types.js'

/** Answers a request whose credential was not accepted. */
export function refuse(
  verdict: Exclude<Verdict, { kind: 'accepted' }>,
  request: FastifyRequest,
  reply: FastifyReply,
) {
  switch (verdict.kind) {
    case 'refused':
      return sendProblem(reply, 'invalid_credential')
    case 'throttled':
      return sendProblem(reply, 'rate_limited', {
        headers: { 'retry-after': String(verdict.retryAfterSeconds) },
      })
    case 'unavailable':
      request.log.error({ err: verdict.cause }, 'a credential could not be checked')
      return sendProblem(reply, 'unavailable')
    default:
      return verdict satisfies never
  }
}
