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
/** When each app logged an outage last. The key is its HTTP server, because every scope of an app has the same one. */
const loggedAt = new WeakMap<object, number>()

/** Logs an outage once a second and app, not once a request, because anybody can send many. */
function logUnavailable({ log, server: { server } }: FastifyRequest, err: unknown): void {
  const now = performance.now()
  const isDue = now - (loggedAt.get(server) ?? Number.NEGATIVE_INFINITY) >= logEveryMs
  if (isDue) loggedAt.set(server, now)
  log[isDue ? 'error' : 'debug']({ err }, 'a credential could not be checked')
}
