import type { IncomingMessage, ServerResponse } from 'node:http'
import cors from '@fastify/cors'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import helmet from 'helmet'
import { isLoopback } from '../addresses.js'
import { dropIfGone } from '../auth/dropped-connection.js'
import { createIdentityHeaderRemover } from '../auth/identity-headers.js'
import type { Config } from '../config/load.js'
import { logAnswer } from '../log/answer-line.js'
import { sendProblem } from '../problems/render.js'
import { namesOneHost, oneHostRule, splitAbsoluteForm } from '../urls.js'

export interface CommonHeadersOptions {
  config: Config
  /** Whether a request that names this `Host` was meant for this service. Default: any. */
  takesHost?: ((host: string | undefined) => boolean) | undefined
}

/** Handles what concerns every request before its route, and adds the headers that every answer has. */
async function addCommonHeaders(
  app: FastifyInstance,
  { config, takesHost = () => true }: CommonHeadersOptions,
): Promise<void> {
  const securityHeaders = readSecurityHeaders(config.publicUrl)
  const removeIdentityHeaders = createIdentityHeaderRemover(config.identityHeaderPrefix)
  const { publicUrl } = config
  app.addHook('onRequest', (request, reply, done) => {
    if (dropIfGone(request, reply)) return
    removeIdentityHeaders(request.raw)
    reply.headers(securityHeaders)
    reply.header('x-request-id', request.id)
    const { raw, originalUrl } = request
    const authority = originalUrl.startsWith('/') ? null : (splitAbsoluteForm(originalUrl)?.authority ?? null)
    if (!namesOneHost(raw, authority)) return sendProblem(reply, 'invalid_request', { detail: oneHostRule })
    if (!takesHost(authority ?? raw.headers.host)) {
      return sendProblem(reply, 'invalid_request', { detail: foreignHost })
    }
    done()
  })
  app.addHook('onResponse', (request, reply, done) => {
    logAnswer(app.log, request, reply, { level: request.url.startsWith('/health/') ? 'debug' : 'info' })
    done()
  })
  if (config.corsOrigins.length > 0) {
    await app.register(cors, {
      origin: config.corsOrigins,
      methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
      // Its refusal of an OPTIONS that is no preflight would be plain text.
      strictPreflight: false,
      exposedHeaders: [
        ...['location', 'retry-after', 'www-authenticate', 'x-api-key-expires-at', 'x-request-id'],
        ...['ratelimit', 'ratelimit-policy'],
        ...['daily', 'monthly'].map((per) => `${config.headerPrefix}-${per}-calls-remaining`.toLowerCase()),
      ],
    })
  }
  if (isReachedDirectly(config)) redirectOtherNames(app, publicUrl)
}

export const commonHeaders = fp(addCommonHeaders, { name: 'latchkey-common-headers', fastify: '5.x' })

/** Asks helmet once: the headers are the same for every answer, and making them takes longer than a check of a key. */
function readSecurityHeaders(publicUrl: string): Record<string, string> {
  const headers: Record<string, string> = {}
  const answer = {
    setHeader: (name: string, value: string) => {
      headers[name.toLowerCase()] = value
    },
    removeHeader: () => {},
  }
  const setHeaders = helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        baseUri: ["'none'"],
        formAction: ["'none'"],
        frameAncestors: ["'none'"],
      },
    },
    // Swagger UI's login window must keep its opener, and there is nothing else here that others could open.
    crossOriginOpenerPolicy: false,
    frameguard: { action: 'deny' },
    // With no-referrer a browser would send `Origin: null` with the logout form.
    referrerPolicy: { policy: 'same-origin' },
    // Other services below this domain are not ours to move to https.
    strictTransportSecurity: publicUrl.startsWith('https:') && { includeSubDomains: false },
  })
  // It reads nothing of the request, and sets and removes headers of the answer.
  setHeaders({} as IncomingMessage, answer as unknown as ServerResponse, () => {})
  return headers
}

const foreignHost = 'This service answers by the names of its own machine only.'

/** Whether no proxy stands in front: one that changes `Host`, as nginx does unless told, would be redirected for ever. */
function isReachedDirectly({ publicUrl, port }: Config): boolean {
  const url = new URL(publicUrl)
  return (
    url.protocol === 'http:' && isLoopback(url.hostname) && url.port === String(port) && url.pathname === '/'
  )
}

/** `localhost` and 127.0.0.1 are two sites to a browser, and the identity provider knows only one of them. */
function redirectOtherNames(app: FastifyInstance, publicUrl: string): void {
  const { host } = new URL(publicUrl)
  app.addHook('onRequest', (request, reply, done) => {
    const isPage = /^\/($|[?]|docs|auth\/login)/.test(request.url)
    const name = request.headers.host ?? host
    if (request.method !== 'GET' || !isPage || name === host || !isLoopback(name.replace(/:\d+$/, '')))
      return done()
    return reply.redirect(publicUrl + request.url, 307)
  })
}
