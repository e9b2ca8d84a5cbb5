import formbody from '@fastify/formbody'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { LRUCache } from 'lru-cache'
import * as oidc from 'openid-client'
import Type from 'typebox'
import type { ReportRole } from '../auth/claims.js'
import type { Issuer } from '../auth/issuer.js'
import type { OwnerWatch } from '../auth/owner-watch.js'
import { isSameOrigin } from '../auth/same-origin.js'
import type { Verify } from '../auth/types.js'
import type { AddressRate } from '../limits/address-rate.js'
import { Problem } from '../problems/problem.js'
import { renderError } from '../problems/render.js'
import type { Database } from '../store/database.js'
import { deleteSessions } from '../store/sessions.js'
import { readLogoutToken } from './back-channel.js'
import { completeLogin, issuerAway, LoginRefused, type ReturnedLogin } from './complete.js'
import { cookieNames, cookieOptions } from './cookies.js'
import { sendErrorPage, wantsPage } from './page.js'
import { createPendingLogins, type PendingLogin, pendingLoginSeconds } from './pending.js'
import { createRefusalLedger } from './refusals.js'
import { readReturnTo } from './return-to.js'

export interface LoginOptions {
  db: Database
  owners: OwnerWatch
  /** Names of the claims that are kept as the person's attributes. */
  attributes: readonly string[]
  /** Called with each role that is left out of the rights. */
  reportRole: ReportRole
  /** Called when what is known of an owner changed. */
  invalidateOwner: (subject: string) => void
  issuer: Issuer
  /** This service's own client there. */
  clientId: string
  verifyToken: Verify
  publicUrl: string
  sessionSecret: string
  sessionLifetimeMs: number
  /** Counts logins by address, so that nobody floods the identity provider through this service. */
  attempts: AddressRate
  /** Milliseconds since the epoch. */
  clock: () => number
}

const scope = 'openid profile email'
/** Of one browser, in several tabs. */
const maxPendingLogins = 4
const issuerPatienceMs = 2_000

/** Login by authorization code with PKCE at the identity provider, and logout here and there. */
export const loginRoutes: FastifyPluginAsyncTypebox<LoginOptions> = async (app, options) => {
  const { issuer, publicUrl, clock } = options
  const callbackUrl = `${publicUrl}/auth/callback`
  const publicOrigin = new URL(publicUrl).origin
  const noteRefusal = createRefusalLedger(options.db, clock)
  const pendingLogins = createPendingLogins(options.sessionSecret, clock)
  const cookies = cookieNames(publicUrl)
  // A begun login that could come back twice would be a key to any number of questions to the identity provider.
  const waysOn = [
    { href: `${publicUrl}/auth/login`, text: 'Log in again' },
    { href: `${publicUrl}/`, text: 'go to the start page' },
  ]
  const returnedStates = new LRUCache<string, true>({ max: 10_000 })

  await app.register(formbody)
  app.addHook('onRoute', (route) => {
    route.schema = { ...route.schema, hide: true }
  })
  app.setErrorHandler((error, request, reply) =>
    wantsPage(request) ? sendErrorPage(error, request, reply, waysOn) : renderError(error, request, reply),
  )

  app.get(
    '/auth/login',
    { schema: { querystring: Type.Object({ return_to: Type.Optional(Type.String()) }) } },
    async (request, reply) => {
      limitAttempts(request)
      options.attempts.count(request.ip)
      const login: PendingLogin = {
        state: oidc.randomState(),
        nonce: oidc.randomNonce(),
        codeVerifier: oidc.randomPKCECodeVerifier(),
        returnTo: readReturnTo(request.query.return_to),
      }
      const configuration = await requireIssuer()
      // That is remembered: nobody is sent on to where nobody answers now.
      if (!(await issuer.isReachable(issuerPatienceMs))) throw issuerAway(new Error('It is not reachable'))
      const url = oidc.buildAuthorizationUrl(configuration, {
        redirect_uri: callbackUrl,
        scope,
        state: login.state,
        nonce: login.nonce,
        code_challenge: await oidc.calculatePKCECodeChallenge(login.codeVerifier),
        code_challenge_method: 'S256',
      })
      dropOldestLogin(request, reply)
      reply.setCookie(cookies.pendingLogin(login.state), await pendingLogins.seal(login), {
        ...cookieOptions(publicUrl),
        maxAge: pendingLoginSeconds,
      })
      return reply.redirect(url.href, 302)
    },
  )

  app.get('/auth/callback', async (request, reply) => {
    try {
      return reply.redirect(publicUrl + (await finishLogin(request, reply)), 302)
    } catch (error) {
      if (error instanceof LoginRefused) await noteRefusal(request, error)
      throw error
    }
  })

  // For pages of this site, which must ask without being refused: /me would be 401 for who is not logged in.
  app.get('/auth/session', async (request) => ({ login: request.session.principal?.login ?? null }))

  app.post(
    '/auth/logout',
    {
      schema: {
        body: Type.Union([Type.Null(), Type.Object({ continue: Type.Optional(Type.Literal('login')) })]),
      },
    },
    async (request, reply) => {
      if (!isSameOrigin(request.headers, publicOrigin)) throw new Problem('cross_site_request')
      const { idToken, principal } = request.session
      // Someone who was disabled meanwhile has a session, though it is good for nothing but this.
      if (principal !== undefined || idToken !== undefined) await request.session.destroy()
      reply.clearCookie(cookies.session, cookieOptions(publicUrl))
      const next = request.body?.continue === 'login' ? `${publicUrl}/auth/login` : `${publicUrl}/`
      return reply.redirect(await endSessionUrl(request, next, idToken), 303)
    },
  )

  app.post(
    '/auth/backchannel-logout',
    { schema: { body: Type.Object({ logout_token: Type.String({ maxLength: 16_384 }) }) } },
    async (request, reply) => {
      limitAttempts(request)
      try {
        const ended = await readLogoutToken(request.body.logout_token, {
          issuer,
          clientId: options.clientId,
          clock,
        })
        await deleteSessions(options.db, ended)
      } catch (error) {
        options.attempts.count(request.ip)
        throw error
      }
      return reply.code(200).send()
    },
  )

  /** The identity provider's session ends as well, else the next login would ask nobody for a password. */
  async function endSessionUrl(
    request: FastifyRequest,
    next: string,
    idToken: string | undefined,
  ): Promise<string> {
    if (idToken === undefined) return next
    try {
      const url = oidc.buildEndSessionUrl(await issuer.configuration(), {
        post_logout_redirect_uri: next,
        id_token_hint: idToken,
      })
      return url.href
    } catch (error) {
      request.log.warn({ err: error }, 'the session ended here but not at the identity provider')
      return `${publicUrl}/`
    }
  }

  function limitAttempts(request: FastifyRequest): void {
    const retryAfterSeconds = options.attempts.retryAfterSeconds(request.ip)
    if (retryAfterSeconds === 0) return
    throw new Problem('rate_limited', { headers: { 'retry-after': String(retryAfterSeconds) } })
  }

  async function requireIssuer(): Promise<oidc.Configuration> {
    try {
      return await issuer.configuration()
    } catch (cause) {
      throw issuerAway(cause)
    }
  }

  /** @returns the path of this site to go on to */
  async function finishLogin(request: FastifyRequest, reply: FastifyReply): Promise<string> {
    const returned = readReturn(request)
    const cookie = cookies.pendingLogin(returned.state ?? '')
    const login = await pendingLogins.open(request.cookies[cookie])
    if (login === null || login.state !== returned.state || returnedStates.has(login.state)) {
      limitAttempts(request)
      options.attempts.count(request.ip)
      throw new LoginRefused({
        detail: 'This login is not under way in this browser, or took too long.',
      })
    }
    returnedStates.set(login.state, true)
    reply.clearCookie(cookie, cookieOptions(publicUrl))
    await completeLogin(request, { ...options, configuration: await requireIssuer() }, { login, returned })
    return login.returnTo
  }

  /** Browsers send the oldest cookies first; all of those that people left behind would outgrow the header. */
  function dropOldestLogin(request: FastifyRequest, reply: FastifyReply): void {
    const underWay = Object.keys(request.cookies).filter((name) => name.startsWith(cookies.pendingLogins))
    const tooMany = underWay.slice(0, Math.max(0, underWay.length + 1 - maxPendingLogins))
    for (const name of tooMany) reply.clearCookie(name, cookieOptions(publicUrl))
  }

  /** Built from the public URL and never from `Host`: openid-client sends its path back as redirect_uri. */
  function readReturn(request: FastifyRequest): ReturnedLogin {
    const url = new URL(callbackUrl)
    url.search = new URL(request.url, publicUrl).search
    return { url, state: url.searchParams.get('state') ?? undefined }
  }
}
