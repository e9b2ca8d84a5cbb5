import { toUSVString } from 'node:util'
import type {} from '@fastify/swagger'
import type { FastifyPluginAsync, FastifyReply, FastifyRequest, HookHandlerDoneFunction } from 'fastify'
import fp from 'fastify-plugin'
import { sendProblem } from '../errors.js'
import { readCredential, removeQueryKey } from './credentials.js'
import { decideAccess } from './decide.js'
import { dropIfGone } from './gone.js'
import { refuse } from './refuse.js'
import { isSafeMethod, isSameOrigin } from './same-origin.js'
import type { Access, AuthOptions, Principal, Verdict } from './types.js'

export { renderError } from '../errors.js'
export { removeQueryKey } from './credentials.js'
export { createRemoteAuth, type RemoteAuthOptions } from './remote.js'
export type { Access, AuthOptions, KeyBounds, Principal, RefusalRate, Verdict, Verify, Via } from './types.js'

const expiryNoticeMs = 3 * 86_400_000

/**
 * The hook: every request of the scope that registers it is authenticated before its body is read, and
 * `request.principal` tells who is calling.
 *
 * A route of the scope says in `config.access` who may call it; one that says nothing stops the start.
 */
const auth: FastifyPluginAsync<AuthOptions> = async (app, options) => {
  requireVerifiers(options)
  const keyMark = `${options.keyPrefix}_`
  const clock = options.clock ?? Date.now
  const { publicOrigin = '' } = options

  // Null until the hook has run; typed as always there because no handler behind the hook sees it so.
  app.decorateRequest('principal', null as unknown as Principal)

  app.addHook('onRoute', (route) => {
    const access = route.config?.access
    const name = `The route ${String(route.method)} ${route.url}`
    if (access === undefined) throw new Error(`${name} does not say in config.access who may call it`)
    const fault = findFault(access)
    if (fault !== null) throw new Error(`${name} says in config.access what nobody knows: ${fault}`)
    route.schema = { ...route.schema, security: describeSecurity(access, options) }
  })

  app.addHook('onRequest', (request, reply, done) => {
    if (dropIfGone(request, reply)) return
    // A URL that matches no route passes here too, and is answered 404 without telling anything.
    if (request.is404) return done()
    const access = request.routeOptions.config.access
    if (access === undefined) return done(new Error('A guarded route without config.access'))
    const readsQuery = access.allowQueryKey === true
    const credential = readCredential(request.raw, keyMark, readsQuery)
    if (readsQuery) hideQueryKey(request, reply)
    switch (credential.kind) {
      case 'malformed':
        return sendProblem(reply, 'invalid_request', { detail: credential.detail })
      case 'none':
        return admitSession(request, reply, access, done)
      case 'key':
        return admit(options.verifyKey(credential.value, request.ip, request), request, reply, access, done)
      case 'token':
        return admit(options.verifyToken(credential.token, request.ip, request), request, reply, access, done)
      default:
        return credential satisfies never
    }
  })

  function admit(
    verdict: Verdict | Promise<Verdict>,
    request: FastifyRequest,
    reply: FastifyReply,
    access: Access,
    done: HookHandlerDoneFunction,
  ) {
    // A promise only where the verdict is not in memory: the hot path stays synchronous.
    if (verdict instanceof Promise) {
      verdict
        .then((settled) => isAdmitted(settled, request, reply, access))
        .then((admitted) => {
          if (admitted) done()
        }, done)
    } else if (isAdmitted(verdict, request, reply, access)) done()
  }

  /** Whether the request may go on; where it may not, it has been answered. */
  function isAdmitted(
    verdict: Verdict,
    request: FastifyRequest,
    reply: FastifyReply,
    access: Access,
  ): boolean {
    if (verdict.kind !== 'accepted') {
      refuse(verdict, request, reply)
      return false
    }
    const { principal, key } = verdict
    const now = clock()
    if (key !== undefined && key.expiresAt - now < expiryNoticeMs) {
      reply.header('x-api-key-expires-at', new Date(key.expiresAt).toISOString())
    }
    const { method, headers, ip: address, params } = request
    const refusal = decideAccess(principal, key, access, { method, headers, address, params })
    if (refusal !== null) {
      sendProblem(reply, refusal, refusal === 'insufficient_scope' ? challengeScopes(access) : {})
      return false
    }
    verdict.recordUse?.(now, address, headers['user-agent'])
    request.principal = principal
    // What one caller may see, a cache on the way must not give to another; the route may say more.
    if (!reply.hasHeader('cache-control')) reply.header('cache-control', 'private')
    return true
  }

  function admitSession(
    request: FastifyRequest,
    reply: FastifyReply,
    access: Access,
    done: HookHandlerDoneFunction,
  ) {
    const principal = options.readSession?.(request) ?? null
    if (principal === null) return challenge(reply, access)
    if (!isSafeMethod(request.method) && !isSameOrigin(request.headers, publicOrigin)) {
      return sendProblem(reply, 'cross_site_request')
    }
    admit({ kind: 'accepted', principal }, request, reply, access, done)
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

/** At the start, since the first request would be too late to hear of it. Typed as there, but not everybody compiles. */
function requireVerifiers({ keyPrefix, verifyKey, verifyToken }: Partial<AuthOptions>): void {
  if (typeof keyPrefix === 'string' && typeof verifyKey === 'function' && typeof verifyToken === 'function')
    return
  throw new Error(
    'The hook of latchkey/auth needs keyPrefix, verifyKey and verifyToken: register it with what createRemoteAuth returns',
  )
}

/** Known members and their known words; `scopes` and `allowQueryKey` are held by their types. */
const knownAccess: Record<keyof Access, readonly unknown[] | null> = {
  scopes: null,
  by: ['anyone', 'login', 'login-or-itself'],
  allowQueryKey: null,
  readOnlyKeys: ['may-write'],
}

/** A misspelled member would open the route to everybody, so it must not start. */
function findFault(access: Access): string | null {
  if (typeof access !== 'object' || access === null) return String(access)
  for (const [member, word] of Object.entries(access)) {
    if (!Object.hasOwn(knownAccess, member)) return member
    const words = knownAccess[member as keyof Access]
    if (words !== null && word !== undefined && !words.includes(word)) return `${member}: ${String(word)}`
  }
  return access.scopes === undefined || Array.isArray(access.scopes) ? null : 'scopes that are no list'
}

/** The same word that guards the route tells Swagger UI which locks open it. */
function describeSecurity(access: Access, options: AuthOptions): { [scheme: string]: string[] }[] {
  return [
    { oauth2: ['openid'] },
    ...(access.by === 'login' ? [] : [{ apiKey: [] }]),
    ...(options.readSession === undefined ? [] : [{ session: [] }]),
  ]
}

export default fp(auth, { name: 'latchkey-auth', fastify: '5.x' })
