import type { FastifyReply, FastifyRequest } from 'fastify'
import type { ProblemCode } from '../problems/catalogue.js'
import type { ProblemDetails } from '../problems/problem.js'
import { sendProblem } from '../problems/render.js'
import { challengeForRights } from './scope-challenge.js'
import type { Access, KeyBounds } from './types.js'

/** What a refusal says beyond the text of its kind. */
export function explainRefusal(
  refusal: ProblemCode,
  { access, key, adminRole }: { access: Access; key: KeyBounds | undefined; adminRole: string | undefined },
): ProblemDetails {
  if (refusal === 'insufficient_scope') return challengeScopes(access, adminRole)
  return key?.linkedPath === undefined ? {} : explainLink(refusal)
}

/** Names the rights that the operation needs. */
export function challengeScopes({ by, scopes = [] }: Access, adminRole: string | undefined) {
  const rights = by === 'admin' && adminRole !== undefined ? [adminRole, ...scopes] : scopes
  return { detail: `This operation asks for: ${rights.join(', ')}.`, headers: challengeForRights(rights) }
}

/** The text of the kind speaks of a key, and the caller has a link. */
function explainLink(refusal: ProblemCode): { detail?: string } {
  if (refusal === 'read_only_key') return { detail: 'A link may only be used with GET and HEAD.' }
  return refusal === 'not_authorized_here' ? { detail: 'This link does not open this path.' } : {}
}

/** Answers with one challenge per accepted scheme, and no `error`: no credential was wrong yet (RFC 6750 §3.1). */
export function challenge(
  { headers }: FastifyRequest,
  reply: FastifyReply,
  { by, allowBasic = true }: Access,
) {
  // A browser would ask for a password, and from then on send it along with what other sites start.
  const asksForPassword = headers['sec-fetch-mode'] !== undefined
  const schemes = [
    'Bearer realm="latchkey"',
    ...(by === 'login' ? [] : ['Apikey realm="latchkey"']),
    ...(by === 'login' || !allowBasic || asksForPassword ? [] : ['Basic realm="latchkey", charset="UTF-8"']),
  ]
  return sendProblem(reply, 'not_authenticated', { headers: { 'www-authenticate': schemes } })
}
