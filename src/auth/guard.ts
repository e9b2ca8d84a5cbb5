import type { FastifyReply, FastifyRequest } from 'fastify'
import { partiesOf } from '../limits/party.js'
import type { LimitDecision, LimitedParty, Quota } from '../limits/types.js'
import type { ProblemCode } from '../problems/catalogue.js'
import { sendProblem } from '../problems/render.js'
import { createCredentialReader, removeQueryKey } from './credentials.js'
import { type Call, decideAccess } from './decide.js'
import { refuse } from './refuse.js'
import { isSafeMethod, isSameOrigin } from './same-origin.js'
import { challengeForRights } from './scope-challenge.js'
import type { Access, Administration, AuthOptions, Principal, Verdict } from './types.js'
import { createCredentialVerifier } from './verify-credential.js'

/** Goes on with the request; never called for one that was refused, which has been answered. */
export type GoOn = (error?: Error) => void

export type Guard = (request: FastifyRequest, reply: FastifyReply, access: Access, goOn: GoOn) => void

const expiryNoticeMs = 3 * 86_400_000

/**
 * The check of one request: credential, bounds of the key, service, rights, limits, in this order, since the first
 * that fails is what the caller reads. Who may go on is in `request.principal`.
 */
export function createGuard(options: AuthOptions): Guard {
  const readCredential = createCredentialReader(options)
  const verifyCredential = createCredentialVerifier(options)
  const clock = options.clock ?? Date.now
  const { publicOrigin = '', isOwn = false, allowQueryKey = false, findService = () => null } = options

  return (request, reply, access, goOn) => {
    const credential = readCredential(request.raw, access, request.credentialInPath)
    if (allowQueryKey || access.allowQueryKey === true) hideQueryKey(request, reply)
    if (credential.kind === 'malformed') {
      return void sendProblem(reply, 'invalid_request', { detail: credential.detail })
    }
    if (credential.kind === 'none') return admitSession(request, reply, access, goOn)
    if (credential.form === 'cookie' && !mayComeWithCookie(request, publicOrigin)) {
      return void sendProblem(reply, 'cross_site_request', { detail: crossSiteCookie })
    }
    request.presented = credential.form
    admit(verifyCredential(credential, request.ip, request, access), request, reply, access, goOn)
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
    const adminRole = options.administration?.role
    const service = isOwn ? 'own' : (access.service ?? findService())
    const call: Call = { service, method, url: request.raw.url, headers, address, params, adminRole }
    const refusal = decideAccess(principal, key, access, call)
    const limited =
      key === undefined
        ? null
        : partiesOf(key.limited, service === 'own' ? null : (service?.groupLimits ?? null))
    if (refusal !== null) {
      const details =
        refusal === 'insufficient_scope'
          ? challengeScopes(access, adminRole)
          : key?.linkedPath === undefined
            ? {}
            : explainLink(refusal)
      const answer = () => sendProblem(reply, refusal, details)
      if (verdict.counted !== undefined) tell(verdict.counted.quotas, reply, answer)
      else withQuotas(limited, reply, answer, goOn)
    } else if (access.by === 'admin' && key === undefined) confirmRole(verdict, request, reply, access, goOn)
    else if (verdict.counted !== undefined) count(verdict.counted, verdict, request, reply, goOn)
    else if (limited === null) accept(verdict, request, reply, goOn)
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
    if (quotas instanceof Promise) quotas.then((known) => tell(known, reply, answer), answer).catch(goOn)
    else tell(quotas, reply, answer)
  }

  function tell(quotas: readonly Quota[] | undefined, reply: FastifyReply, answer: () => unknown): void {
    if (quotas !== undefined && options.limiter !== undefined) reply.headers(options.limiter.describe(quotas))
    answer()
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

  /** A token or a session may be older than what took the role from its owner. */
  function confirmRole(
    verdict: Verdict & { kind: 'accepted' },
    request: FastifyRequest,
    reply: FastifyReply,
    access: Access,
    goOn: GoOn,
  ): void {
    const { administration = nobodyIs } = options
    administration
      .confirm(verdict.principal, administration.role)
      .then((confirmation) => {
        switch (confirmation) {
          case 'held':
            return accept(verdict, request, reply, goOn)
          case 'lacking':
            return void sendProblem(reply, 'insufficient_scope', challengeScopes(access, administration.role))
          case 'disabled':
            return void refuse({ kind: 'refused' }, request, reply)
          case 'unknown':
            return void refuse({ kind: 'unavailable', cause: new RightUnknown() }, request, reply)
          default:
            return confirmation satisfies never
        }
      })
      .catch(goOn)
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
    if (principal === null) return void challenge(request, reply, access)
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

const nobodyIs: Administration = { role: '', confirm: async () => 'lacking' }

class RightUnknown extends Error {
  override readonly name = 'RightUnknown'
  constructor() {
    super('What is known of the caller is too old, and the identity provider cannot be asked')
  }
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

const crossSiteCookie = 'A change, or a connection, made through a cookie must come from a page of this site.'

/** A browser sends a cookie along with what other sites start: reading is all that they may make it do. */
function mayComeWithCookie({ method, headers }: FastifyRequest, publicOrigin: string): boolean {
  // A WebSocket begins with a GET, and the page that opened it reads what comes.
  const isReading = (method === 'GET' || method === 'HEAD') && headers.upgrade === undefined
  return isReading || isSameOrigin(headers, publicOrigin)
}

/** The kind's own text speaks of the key. */
function explainLink(refusal: ProblemCode): { detail?: string } {
  if (refusal === 'read_only_key') return { detail: 'A link may only be used with GET and HEAD.' }
  return refusal === 'not_authorized_here' ? { detail: 'This link does not open this path.' } : {}
}

/** One challenge per accepted scheme, and no `error`: the caller has not been wrong yet (RFC 6750 §3.1). */
function challenge({ headers }: FastifyRequest, reply: FastifyReply, { by, allowBasic = true }: Access) {
  // A browser would ask for a password, and from then on send it along with what other sites start.
  const asksForPassword = headers['sec-fetch-mode'] !== undefined
  const schemes = [
    'Bearer realm="latchkey"',
    ...(by === 'login' ? [] : ['Apikey realm="latchkey"']),
    ...(by === 'login' || !allowBasic || asksForPassword ? [] : ['Basic realm="latchkey", charset="UTF-8"']),
  ]
  return sendProblem(reply, 'not_authenticated', { headers: { 'www-authenticate': schemes } })
}

function challengeScopes({ by, scopes = [] }: Access, adminRole: string | undefined) {
  const rights = by === 'admin' && adminRole !== undefined ? [adminRole, ...scopes] : scopes
  return { detail: `This operation asks for: ${rights.join(', ')}.`, headers: challengeForRights(rights) }
}
