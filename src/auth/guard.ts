import type { FastifyReply, FastifyRequest } from 'fastify'
import { partiesOf } from '../limits/party.js'
import type { LimitDecision, LimitedParty, Quota } from '../limits/types.js'
import type { ProblemCode } from '../problems/catalogue.js'
import { sendProblem } from '../problems/render.js'
import { createCredentialReader } from './credentials.js'
import { type Call, decideAccess } from './decide.js'
import { challenge, challengeScopes, explainRefusal } from './explain-refusal.js'
import { hideQueryKey } from './query-key.js'
import { refuse } from './refuse.js'
import { isSafeMethod, isSameOrigin } from './same-origin.js'
import type { Access, Administration, AuthOptions, Verdict } from './types.js'
import { createCredentialVerifier } from './verify-credential.js'

/** Continues with the request. Not called for a refused request, which has been answered. */
export type GoOn = (error?: Error) => void

export type Guard = (request: FastifyRequest, reply: FastifyReply, access: Access, goOn: GoOn) => void

/** One request on its way through the steps. */
interface Check {
  request: FastifyRequest
  reply: FastifyReply
  access: Access
  goOn: GoOn
}

type Accepted = Verdict & { kind: 'accepted' }

const expiryNoticeMs = 3 * 86_400_000

/**
 * Creates the check of a request, as steps in this order: read the credential, verify it, decide about the route,
 * confirm an administrator, count the call, accept. The first step that fails answers. A step is asynchronous only
 * where its answer is not in memory.
 */
export function createGuard(options: AuthOptions): Guard {
  const readCredential = createCredentialReader(options)
  const verifyCredential = createCredentialVerifier(options)
  const { clock = Date.now, limiter, administration = nobodyIs } = options
  const { publicOrigin = '', isOwn = false, allowQueryKey = false, findService = () => null } = options

  return (request, reply, access, goOn) => presentCredential({ request, reply, access, goOn })

  function presentCredential(check: Check): void {
    const { request, reply, access } = check
    const credential = readCredential(request.raw, access, request.credentialInPath)
    if (allowQueryKey || access.allowQueryKey === true) hideQueryKey(request, reply)
    if (credential.kind === 'malformed') {
      return void sendProblem(reply, 'invalid_request', { detail: credential.detail })
    }
    if (credential.kind === 'none') {
      presentSession(check)
      return
    }
    if (credential.form === 'cookie' && !mayComeWithCookie(request, publicOrigin)) {
      return void sendProblem(reply, 'cross_site_request', { detail: crossSiteCookie })
    }
    request.presented = credential.form
    const verdict = verifyCredential(credential, request.ip, request, access)
    if (verdict instanceof Promise) verdict.then((settled) => decide(check, settled)).catch(check.goOn)
    else decide(check, verdict)
  }

  function presentSession(check: Check): void {
    const { request, reply, access } = check
    const principal = options.readSession?.(request) ?? null
    if (principal === null) {
      if (access.allowAnonymous === true) check.goOn()
      else challenge(request, reply, access)
      return
    }
    if (!isSafeMethod(request.method) && !isSameOrigin(request.headers, publicOrigin)) {
      return void sendProblem(reply, 'cross_site_request')
    }
    request.presented = 'session'
    decide(check, { kind: 'accepted', principal })
  }

  function decide(check: Check, verdict: Verdict): void {
    const { request, reply, access } = check
    if (verdict.kind !== 'accepted') return void refuse(verdict, request, reply)
    const { principal, key } = verdict
    if (key !== undefined && key.expiresAt - clock() < expiryNoticeMs) {
      reply.header('x-api-key-expires-at', new Date(key.expiresAt).toISOString())
    }
    const { method, headers, ip: address, params } = request
    const adminRole = options.administration?.role
    const service = isOwn ? 'own' : (access.service ?? findService())
    const { raw, readings } = request
    const call: Call = { service, method, url: raw.url, readings, headers, address, params, adminRole }
    const refusal = decideAccess(principal, key, access, call)
    const groupLimits = service === 'own' ? null : (service?.groupLimits ?? null)
    // Undefined for sessions, and for tokens where they are not counted: a person with a spent quota can still revoke a key.
    const ofToken = isOwn && managesKeys(access) ? undefined : verdict.limited
    const own = key === undefined ? ofToken : key.limited
    const limited = own === undefined ? null : partiesOf(own, groupLimits)
    if (refusal !== null) refuseCall(check, verdict, refusal, limited)
    else if (access.by === 'admin' && key === undefined) confirmRole(check, verdict, limited)
    else countCall(check, verdict, limited)
  }

  /** Answers a refusal; the caller with limits is told what remains, though the call is not counted. */
  function refuseCall(
    check: Check,
    { key, counted }: Accepted,
    refusal: ProblemCode,
    limited: readonly LimitedParty[] | null,
  ): void {
    const { reply, access, goOn } = check
    const answer = () =>
      sendProblem(
        reply,
        refusal,
        explainRefusal(refusal, { access, key, adminRole: options.administration?.role }),
      )
    const answerWith = (known: readonly Quota[] | null | undefined) => {
      setQuotaHeaders(reply, known)
      answer()
    }
    const quotas = counted === undefined ? limited && limiter?.look(limited) : counted.quotas
    if (quotas instanceof Promise) quotas.then(answerWith, answer).catch(goOn)
    else answerWith(quotas)
  }

  /** Asks whether the caller still has the role, because a token or a session may be older than its withdrawal. */
  function confirmRole(check: Check, verdict: Accepted, limited: readonly LimitedParty[] | null): void {
    const { request, reply, access, goOn } = check
    administration
      .confirm(verdict.principal, administration.role)
      .then((confirmation) => {
        switch (confirmation) {
          case 'held':
            return countCall(check, verdict, limited)
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

  function countCall(check: Check, verdict: Accepted, limited: readonly LimitedParty[] | null): void {
    // A verifier that asked another service has counted the call there.
    const decision = verdict.counted ?? (limited === null ? null : (limiter?.take(limited) ?? noLimiter))
    if (decision === null) accept(check, verdict)
    else if (decision instanceof Promise) {
      decision.then((settled) => applyLimits(check, verdict, settled)).catch(check.goOn)
    } else applyLimits(check, verdict, decision)
  }

  function applyLimits(check: Check, verdict: Accepted, decision: LimitDecision): void {
    const { request, reply } = check
    if (decision.kind === 'unavailable') return void refuse(decision, request, reply)
    setQuotaHeaders(reply, decision.quotas)
    if (decision.kind === 'passed') accept(check, verdict)
    else sendProblem(reply, decision.code, { headers: { 'retry-after': String(decision.retryAfterSeconds) } })
  }

  function setQuotaHeaders(reply: FastifyReply, quotas: readonly Quota[] | null | undefined): void {
    if (quotas && limiter !== undefined) reply.headers(limiter.describe(quotas))
  }

  function accept({ request, reply, goOn }: Check, verdict: Accepted): void {
    verdict.recordUse?.(clock(), request.ip, request.headers['user-agent'])
    request.principal = verdict.principal
    request.isForwardable = verdict.isForwardable !== false
    // A shared cache must not give the answer to another caller. The route may say more.
    if (!reply.hasHeader('cache-control')) reply.header('cache-control', 'private')
    goOn()
  }
}

/** Whether a route is for a login: keys, and whatever administrators do. */
const managesKeys = ({ by = 'anyone' }: Access): boolean => by !== 'anyone'

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

const crossSiteCookie = 'A change, or a connection, made through a cookie must come from a page of this site.'

/** A browser sends a cookie along with what other sites start: reading is all that they may make it do. */
function mayComeWithCookie({ method, headers }: FastifyRequest, publicOrigin: string): boolean {
  // A WebSocket begins with a GET, and the page that opened it reads what comes.
  const isReading = (method === 'GET' || method === 'HEAD') && headers.upgrade === undefined
  return isReading || isSameOrigin(headers, publicOrigin)
}
