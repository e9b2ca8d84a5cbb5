import type {} from '@fastify/swagger'
import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { dropIfGone } from './dropped-connection.js'
import { createGuard } from './guard.js'
import type { Access, AuthOptions, PresentedForm, Principal } from './types.js'

export type { LimitDecision, LimitedParty, Limiter, Limits, Quota } from '../limits/types.js'
export { renderError } from '../problems/render.js'
export { removeQueryKey } from './credentials.js'
export { createRemoteAuth, type RemoteAuthOptions } from './remote.js'
export type {
  Access,
  Administration,
  AuthOptions,
  CalledService,
  Confirmation,
  KeyBounds,
  Principal,
  RefusalRate,
  Verdict,
  Verify,
  Via,
} from './types.js'

/**
 * The hook: every request of the scope that registers it is authenticated before its body is read, and
 * `request.principal` tells who is calling.
 *
 * A route of the scope says in `config.access` who may call it; one that says nothing stops the start.
 */
const auth: FastifyPluginAsync<AuthOptions> = async (app, options) => {
  requireVerifiers(options)

  // Null until the hook has run; typed as always there because no handler behind the hook sees it so.
  app.decorateRequest('principal', null as unknown as Principal)
  app.decorateRequest('presented', null as unknown as PresentedForm)
  app.decorateRequest('isForwardable', false)

  app.addHook('onRoute', (route) => {
    const access = route.config?.access
    const name = `The route ${String(route.method)} ${route.url}`
    if (access === undefined) throw new Error(`${name} does not say in config.access who may call it`)
    const fault = findFault(access)
    if (fault !== null) throw new Error(`${name} says in config.access what nobody knows: ${fault}`)
    if (access.by === 'admin' && options.administration === undefined)
      throw new Error(`${name} is for administrators, and the hook was not told who they are`)
    route.schema = { ...route.schema, security: describeSecurity(access, options) }
  })

  const guard = createGuard(options)
  app.addHook('onRequest', (request, reply, done) => {
    if (dropIfGone(request, reply)) return
    // A URL that matches no route passes here too, and is answered 404 without telling anything.
    if (request.is404) return done()
    const { access } = request.routeOptions.config
    if (access === undefined) return done(new Error('A guarded route without config.access'))
    guard(request, reply, access, done)
  })
}

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
  by: ['anyone', 'login', 'login-or-itself', 'admin'],
  allowQueryKey: null,
  allowCookie: null,
  allowBasic: null,
  kinds: null,
  service: null,
  readOnlyKeys: ['may-write'],
  // Of the gateway alone: a route without a caller stands outside the hook.
  allowAnonymous: [],
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
    ...(options.offersTokens === false ? [] : [{ oauth2: ['openid'] }]),
    // Swagger UI sends every lock that is closed, and an administrator's own key would decide: it opens nothing here.
    ...(access.by === 'login' || access.by === 'admin' ? [] : [{ apiKey: [] }]),
    ...(options.readSession === undefined ? [] : [{ session: [] }]),
  ]
}

export default fp(auth, { name: 'latchkey-auth', fastify: '5.x' })
