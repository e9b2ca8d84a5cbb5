import type { IncomingMessage } from 'node:http'
import formbody from '@fastify/formbody'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import Type from 'typebox'
import { readQueryKey, removeQueryKey } from '../auth/credentials.js'
import { isSameOrigin } from '../auth/same-origin.js'
import type { RefusalRate } from '../auth/types.js'
import { LoginRefused } from '../login/complete.js'
import { cookieNames, cookieOptions } from '../login/cookies.js'
import { sendErrorPage, sendPage, wantsPage } from '../login/page.js'
import { createRefusalLedger } from '../login/refusals.js'
import { hashSessionId } from '../login/sessions.js'
import { Problem } from '../problems/problem.js'
import { renderError } from '../problems/render.js'
import type { Database } from '../store/database.js'
import { insertSession } from '../store/sessions.js'
import type { SingleUserKey } from './key.js'
import { singleUser } from './person.js'

export interface SingleUserOptions {
  db: Database
  key: SingleUserKey
  publicUrl: string
  sessionLifetimeMs: number
  /** Counts wrong values by address. */
  refusals: RefusalRate
  /** Milliseconds since the epoch. */
  clock: () => number
}

const wrongKey = 'This is not the key of this start: each start has a new one, unless it is given one.'
const howToGetIn =
  'Open the URL that the start of the service printed: it ends in ?api_key= and the key. Programs send that key in the header X-API-Key.'

/** The way in by the key instead of a login, and out again. */
export const singleUserRoutes: FastifyPluginAsyncTypebox<SingleUserOptions> = async (app, options) => {
  const { publicUrl } = options
  const { session: cookieName } = cookieNames(publicUrl)
  const noteRefusal = createRefusalLedger(options.db, options.clock)
  const wayIn = [{ href: `${publicUrl}/auth/login`, text: 'How to get in' }]

  await app.register(formbody)
  app.addHook('onRoute', (route) => {
    route.schema = { ...route.schema, hide: true }
  })
  app.setErrorHandler((error, request, reply) =>
    wantsPage(request) ? sendErrorPage(error, request, reply, wayIn) : renderError(error, request, reply),
  )

  // No other site can log somebody in here as whom it wants: there is one person, and only who has their key is let in.
  app.get('/', async (request, reply) => {
    const presented = readQueryKey(request.raw.url ?? '')
    if (presented.kind === 'none') return reply.redirect(`${publicUrl}/docs`, 302)
    // Neither the next page nor anybody's cache gets to know it.
    reply.header('referrer-policy', 'no-referrer')
    if (presented.kind === 'malformed') throw new Problem('invalid_request', { detail: presented.detail })
    await requireRight(request, presented.value)
    await beginSession(request)
    return reply.redirect(`${publicUrl}/docs`, 303)
  })

  app.get('/auth/login', async (request, reply) => {
    if (!wantsPage(request)) throw new Problem('not_found', { detail: `Nobody logs in here. ${howToGetIn}` })
    return sendPage(reply, { title: 'This service is for one person', text: howToGetIn })
  })

  app.get('/auth/session', async (request) => ({ login: request.session.principal?.login ?? null }))

  app.post(
    '/auth/logout',
    { schema: { body: Type.Union([Type.Null(), Type.Object({})]) } },
    async (request, reply) => {
      if (!isSameOrigin(request.headers, new URL(publicUrl).origin)) throw new Problem('cross_site_request')
      if (request.session.principal !== undefined) await request.session.destroy()
      reply.clearCookie(cookieName, cookieOptions(publicUrl))
      return reply.redirect(`${publicUrl}/`, 303)
    },
  )

  async function requireRight(request: FastifyRequest, presented: string): Promise<void> {
    if (options.key.isRight(presented)) return
    const { ip } = request
    const retryAfterSeconds = options.refusals.retryAfterSeconds(ip)
    if (retryAfterSeconds > 0)
      throw new Problem('rate_limited', { headers: { 'retry-after': String(retryAfterSeconds) } })
    options.refusals.count(ip)
    await noteRefusal(request, new LoginRefused({ detail: wrongKey }))
    throw new Problem('invalid_credential', { detail: wrongKey })
  }

  async function beginSession(request: FastifyRequest): Promise<void> {
    await request.session.regenerate()
    const now = options.clock()
    await options.db.write((tx) =>
      insertSession(tx, {
        idHash: hashSessionId(request.session.sessionId),
        subject: singleUser.subject,
        issuerSid: null,
        data: {},
        createdAt: new Date(now),
        expiresAt: new Date(now + options.sessionLifetimeMs),
      }),
    )
    request.session.principal = { ...singleUser, via: 'session' }
  }
}

/**
 * Where a request really leads: a key at `/docs` is for the start page, which knows sessions, as Swagger UI's page does
 * not.
 */
export function leadToStart({ url = '/' }: IncomingMessage): string {
  if (!/^\/docs\/?\?/.test(url) || removeQueryKey(url) === url) return url
  return url.replace(/^\/docs\/?/, '/')
}
