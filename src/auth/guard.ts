import { toUSVString } from 'node:util'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { sendProblem } from '../errors.js'
import { readCredential, removeQueryKey } from './credentials.js'
import { decideAccess } from './decide.js'
import { refuse } from './refuse.js'
import { isSafeMethod, isSameOrigin } from './same-origin.js'
import type {
  Access,
  AuthOptions,
  KeyBounds,
  LimitDecision,
  LimitedParty,
  Principal,
  Quota,
  Verdict,
} from './types.js'

/** Goes on with the request; never called for one that was refused, which has been answered. */
export type GoOn = (error?: Error) => void

export type Guard = (request: FastifyRequest, reply: FastifyReply, access: Access, goOn: GoOn) => void

const expiryNoticeMs = 3 * 86_400_000

/**
 * The check of one request: credential, bounds of the key, service, rights, limits, in this order, since the first
 * that fails is what the caller reads. Who may go on is in `request.principal`.
 */
export function createGuard(options: AuthOptions): Guard {
  const keyMark = `${options.keyPrefix}_`
  const clock = options.clock ?? Date.now
  const { publicOrigin = '', isOwn = false, findService = () => null } = options

  return (request, reply, access, goOn) => {
    const readsQuery = access.allowQueryKey === true
    const credential = readCredential(request.raw, keyMark, readsQuery)
    if (readsQuery) hideQueryKey(request, reply)
    switch (credential.kind) {
      case 'malformed':
        return void sendProblem(reply, 'invalid_request', { detail: credential.detail })
      case 'none':
        return admitSession(request, reply, access, goOn)
      case 'key':
        request.presented = credential.form
        return admit(options.verifyKey(credential.value, request.ip, request), request, reply, access, goOn)
      case 'token':
        request.presented = credential.form
        return admit(options.verifyToken(credential.token, request.ip, request), request, reply, access, goOn)
      default:
        return credential satisfies never
    }
  }

  function admit(
    verdict: Verdict | Promise<Verdict>,
    request: FastifyRequest,
    reply: FastifyReply,
    access: Access,
    goOn: GoOn,
  ): void {
    // A promise only where the verdict is not in memory: the hot path stays synchronous.
    if (verdict instanceof Promise) {
      verdict.then((settled) => decide(settled, request, reply, access, goOn)).catch(goOn)
    } else decide(verdict, request, reply, access, goOn)
  }

  function decide(
    verdict: Verdict,
    request: FastifyRequest,
    reply: FastifyReply,
    access: Access,
    goOn: GoOn,
  ): void {
    if (verdict.kind !== 'accepted') {
      refuse(verdict, request, reply)
      return
    }
    const { principal, key } = verdict
    if (key !== undefined && key.expiresAt - clock() < expiryNoticeMs) {
      reply.header('x-api-key-expires-at', new Date(key.expiresAt).toISOString())
    }
    const { method, headers, ip: address, params } = request
    const service = isOwn ? 'own' : (access.service ?? findService())
    const refusal = decideAccess(principal, key, access, { service, method, headers, address, params })
    const limited =
      key === undefined ? null : partiesOf(key, service === 'own' ? null : (service?.groupLimits ?? null))
    if (refusal !== null) {
      const details = refusal === 'insufficient_scope' ? challengeScopes(access) : {}
      withQuotas(limited, reply, () => sendProblem(reply, refusal, details), goOn)
    } else if (limited === null) accept(verdict, request, reply, goOn)
    else {
      const decision = options.limiter?.take(limited) ?? noLimiter
      if (decision instanceof Promise) {
        decision.then((settled) => count(settled, verdict, request, reply, goOn)).catch(goOn)
      } else count(decision, verdict, request, reply, goOn)
    }
  }

  /** Tells what remains to the callers of limited keys, also where a call is refused for another reason. */
  function withQuotas(
    limited: readonly LimitedParty[] | null,
    reply: FastifyReply,
    answer: () => unknown,
    goOn: GoOn,
  ): void {
    const { limiter } = options
    const quotas = limited === null ? undefined : limiter?.look(limited)
    const tell = (known: readonly Quota[] | undefined) => {
      if (known !== undefined && limiter !== undefined) reply.headers(limiter.describe(known))
      answer()
    }
    if (quotas instanceof Promise) quotas.then(tell, answer).catch(goOn)
    else tell(quotas)
  }

  function count(
    decision: LimitDecision,
    verdict: Verdict & { kind: 'accepted' },
    request: FastifyRequest,
    reply: FastifyReply,
    goOn: GoOn,
  ): void {
    if (decision.kind === 'unavailable') {
      refuse(decision, request, reply)
      return
    }
    if (options.limiter !== undefined) reply.headers(options.limiter.describe(decision.quotas))
    if (decision.kind === 'passed') accept(verdict, request, reply, goOn)
    else sendProblem(reply, decision.code, { headers: { 'retry-after': String(decision.retryAfterSeconds) } })
  }

  function accept(
    verdict: Verdict & { kind: 'accepted' },
    request: FastifyRequest,
    reply: FastifyReply,
    goOn: GoOn,
  ): void {
    verdict.recordUse?.(clock(), request.ip, request.headers['user-agent'])
    request.principal = verdict.principal
    // What one caller may see, a cache on the way must not give to another; the route may say more.
    if (!reply.hasHeader('cache-control')) reply.header('cache-control', 'private')
    goOn()
  }

  function admitSession(request: FastifyRequest, reply: FastifyReply, access: Access, goOn: GoOn): void {
    const principal: Principal | null = options.readSession?.(request) ?? null
    if (principal === null) return void challenge(reply, access)
    if (!isSafeMethod(request.method) && !isSameOrigin(request.headers, publicOrigin)) {
      return void sendProblem(reply, 'cross_site_request')
    }
    request.presented = 'session'
    admit({ kind: 'accepted', principal }, request, reply, access, goOn)
  }
}

const noLimiter: LimitDecision = {
  kind: 'unavailable',
  cause: new Error('A key is limited where nothing counts its calls'),
}

/** Whose calls this one counts among; null: nobody's. */
function partiesOf({ limited }: KeyBounds, group: LimitedParty | null): readonly LimitedParty[] | null {
  if (group === null) return limited
  return limited === null ? [group] : [...limited, group]
}

/**
 * The key is for this hook alone: neither the route nor what it calls sees it, nor does any other site that the
 * answer leads to.
 */
function hideQueryKey(request: FastifyRequest, reply: FastifyReply): void {
  const { raw } = request
  const url = raw.url ?? ''
  const cleanUrl = removeQueryKey(url)
  if (cleanUrl === url) return
  raw.url = cleanUrl
  const query = request.query as Record<string, unknown>
  delete query.api_key
  delete query['api-key']
  reply.header('referrer-policy', 'no-referrer')
}

/** One challenge per accepted scheme, and no `error`: the caller has not been wrong yet (RFC 6750 §3.1). */
function challenge(reply: FastifyReply, { by }: Access) {
  const schemes = by === 'login' ? ['Bearer'] : ['Bearer', 'Apikey']
  return sendProblem(reply, 'not_authenticated', {
    headers: { 'www-authenticate': schemes.map((scheme) => `${scheme} realm="latchkey"`) },
  })
}

function challengeScopes({ scopes = [] }: Access) {
  const scope = scopes.map(asScopeToken).join(' ')
  return {
    detail: `This operation asks for: ${scopes.join(', ')}.`,
    headers: { 'www-authenticate': `Bearer error="insufficient_scope", scope="${scope}"` },
  }
}

/**
 * Percent-encodes what RFC 6749 §3.3 does not allow in a scope, since role names may hold spaces and any script;
 * and the percent sign, so that it can be read back.
 */
const asScopeToken = (right: string) => toUSVString(right).replace(/[^!#$&-[\]-~]/gu, encodeURIComponent)
