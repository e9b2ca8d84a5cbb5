import type { FastifyReply, FastifyRequest } from 'fastify'
import { type ProblemCode, problemKinds } from './catalogue.js'
import { asProblem, type Problem, type ProblemDetails, problemBody } from './problem.js'

/** The media type of an error answer (RFC 9457). */
export const problemType = 'application/problem+json; charset=utf-8'
const retryAfterSeconds = '5'

/** Catches once, at the edge: the only place where an error becomes an answer. */
export function renderError(error: unknown, request: FastifyRequest, reply: FastifyReply) {
  const problem = asProblem(error)
  logProblem(request, problem)
  return sendProblem(reply, problem.code, problem.details)
}

/** Keeps the cause, which the answer does not tell. */
export function logProblem(request: FastifyRequest, problem: Problem): void {
  const { cause } = problem
  if (problem.statusCode >= 500) request.log.error({ err: cause ?? problem }, problem.message)
  else if (cause !== undefined) request.log.info({ err: cause }, problem.message)
}

/**
 * Answers with a problem document, without the cost of a thrown error: refusals are the path of an attacker.
 * A 401 that brings no challenge of its own gets the one for a refused credential (RFC 6750 §3.1).
 */
export function sendProblem(reply: FastifyReply, code: ProblemCode, details: ProblemDetails = {}) {
  setProblemHeaders(reply, code, details)
  // Serialized here: the schema of the route's answers must not cut what explains the refusal.
  reply
    .code(problemKinds[code].status)
    .header('content-type', problemType)
    .serializer(passThrough)
    .send(JSON.stringify(problemBody(code, reply.request.id, details)))
  return reply
}

/** The headers of an error answer, whether its body is for a program or for a person. */
export function setProblemHeaders(reply: FastifyReply, code: ProblemCode, details: ProblemDetails): void {
  if (code === 'invalid_credential') reply.header('www-authenticate', 'Bearer error="invalid_token"')
  if (code === 'unavailable') reply.header('retry-after', retryAfterSeconds)
  if (details.headers !== undefined) reply.headers(details.headers)
}

const passThrough = (body: unknown) => body as string
