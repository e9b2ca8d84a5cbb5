import cookie from '@fastify/cookie'
import session from '@fastify/session'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import type { OwnerWatch } from '../auth/owner-watch.js'
import type { Database } from '../store/database.js'
import { cookieNames, cookieOptions } from './cookies.js'
import { createSessionStore } from './sessions.js'

export { loginRoutes } from './routes.js'

export interface SessionsOptions {
  db: Database
  publicUrl: string
  owners: OwnerWatch
  sessionSecret: string
  sessionLifetimeMs: number
  /** Milliseconds since the epoch. */
  clock: () => number
}

/** Gives the scope `request.session`, kept in the database. */
async function sessions(app: FastifyInstance, options: SessionsOptions) {
  const { publicUrl } = options
  const { session: cookieName } = cookieNames(publicUrl)
  await app.register(cookie)
  if (publicUrl.startsWith('https:')) {
    // @fastify/session sets a secure cookie only when the request's protocol is https, which it is not behind a
    // proxy that ends TLS.
    app.addHook('onRequest', (request, _reply, done) => {
      Object.defineProperty(request, 'protocol', { value: 'https' })
      done()
    })
  }
  // Another credential decides before the session, which is then not even looked up.
  app.addHook('onRequest', (request, _reply, done) => {
    const { authorization = '', 'x-api-key': apiKey } = request.headers
    const isGuarded = request.routeOptions.config.access !== undefined
    if (isGuarded && (apiKey !== undefined || /^(bearer|apikey) /i.test(authorization))) {
      delete request.cookies[cookieName]
    }
    done()
  })
  await app.register(session, {
    secret: options.sessionSecret,
    cookieName,
    cookie: { ...cookieOptions(publicUrl), maxAge: options.sessionLifetimeMs },
    store: createSessionStore(options.db, options.owners, options.clock),
    saveUninitialized: false,
    rolling: false,
  })
}

export default fp(sessions, { name: 'latchkey-sessions', fastify: '5.x' })
