import type { FastifyReply, FastifyRequest } from 'fastify'
import { FaultLog, nameError } from '../log/faults.js'
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

/** Counts the outages of each app. The key is its HTTP server, because every scope of an app has the same one. */
const faultLogs = new WeakMap<object, FaultLog>()
const message = 'a credential could not be checked'

/** Logs an outage once and then counts it, because anybody can send many requests. The logger may be of another service. */
function logUnavailable({ log, server, id }: FastifyRequest, err: unknown): void {
  let faults = faultLogs.get(server.server)
  if (faults === undefined) {
    faults = new FaultLog()
    faultLogs.set(server.server, faults)
  }
  const fault = { name: nameError(err), message, requestId: () => id }
  if (faults.note(fault, (details, text) => server.log.error(details, text))) log.error({ err }, message)
}
