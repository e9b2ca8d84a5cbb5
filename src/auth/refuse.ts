import type { FastifyReply, FastifyRequest } from 'fastify'
import { sendProblem } from '../problems/render.js'
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
      logUnavailable(request, verdict.cause)
      return sendProblem(reply, 'unavailable')
    default:
      return verdict satisfies never
  }
}

const logEveryMs = 1000
let loggedAt = Number.NEGATIVE_INFINITY

/** An outage is told once a second, not once a request: anybody can send many. */
function logUnavailable({ log }: FastifyRequest, err: unknown): void {
  const now = performance.now()
  const isDue = now - loggedAt >= logEveryMs
  if (isDue) loggedAt = now
  log[isDue ? 'error' : 'debug']({ err }, 'a credential could not be checked')
}
