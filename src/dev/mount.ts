import type { IncomingMessage } from 'node:http'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type Provider from 'oidc-provider'
import { contentSecurityPolicy } from './headers.js'
import { endpoints, type Locations, realmPath } from './locations.js'
import { refuseTooManyAttempts, type SignInOptions } from './sign-in.js'

const { discovery, authorization, deviceAuthorization, device, token, jwks, revocation, endSession } =
  endpoints

/** All that oidc-provider may answer; whatever else it can do stays out of reach. */
const routes = [
  { url: discovery, method: ['GET', 'OPTIONS'] },
  { url: jwks, method: ['GET', 'OPTIONS'] },
  { url: authorization, method: ['GET'] },
  { url: `${authorization}/:uid`, method: ['GET'], mayEndSession: true },
  { url: deviceAuthorization, method: ['POST', 'OPTIONS'], originsOnly: true },
  { url: device, method: ['GET'] },
  { url: device, method: ['POST'], isAttempt: true },
  { url: `${device}/:uid`, method: ['GET'] },
  { url: token, method: ['POST', 'OPTIONS'], originsOnly: true },
  { url: revocation, method: ['POST', 'OPTIONS'], originsOnly: true },
  { url: endSession, method: ['GET'] },
  { url: `${endSession}/confirm`, method: ['POST'] },
  { url: `${endSession}/success`, method: ['GET'] },
]

export interface MountOptions {
  provider: Provider
  locations: Locations
  allowedOrigins: ReadonlySet<string>
  /** Asked at each code that somebody enters, as at each password. */
  signInRate: SignInOptions['signInRate']
}

/** Gives oidc-provider its routes, in a scope where bodies stay unread, for it reads them itself. */
export async function mountProvider(scope: FastifyInstance, options: MountOptions) {
  const { provider, locations, allowedOrigins, signInRate } = options
  scope.removeAllContentTypeParsers()
  scope.addContentTypeParser('*', (_request, _payload, done) => done(null))

  // It believes X-Forwarded-* because `pin` overwrites them.
  provider.proxy = true
  const answer = provider.callback()

  for (const { url, method, originsOnly, isAttempt, mayEndSession } of routes) {
    scope.route<{ Params: { uid?: string } }>({
      method,
      url: realmPath + url,
      ...(originsOnly ? { onRequest: refuseOtherOrigins(allowedOrigins) } : {}),
      ...(isAttempt ? { onRequest: refuseTooManyAttempts(signInRate, locations) } : {}),
      handler: async (request, reply) => {
        if (mayEndSession) letGoToLoopback(reply, locations)
        reply.hijack()
        sendHeaders(reply)
        const release = pin(
          request,
          url.replace(':uid', encodeURIComponent(request.params.uid ?? '')),
          locations,
        )
        try {
          await answer(request.raw, reply.raw)
        } finally {
          release()
        }
      },
    })
  }
}

/**
 * Also for preflights, which oidc-provider grants to everybody because they name no client, and for a service
 * with CORS headers of its own, in sight of which oidc-provider decides nothing.
 */
function refuseOtherOrigins(allowedOrigins: ReadonlySet<string>) {
  return async ({ headers }: FastifyRequest, reply: FastifyReply) => {
    if (headers.origin === undefined || allowedOrigins.has(headers.origin)) return
    reply.code(403).header('vary', 'Origin')
    return reply.send({ error: 'invalid_request', error_description: 'This origin is not allowed' })
  }
}

/**
 * Its form ends the session of somebody else, and goes on to the client from there: that of the command line listens
 * on any port of the loopback address.
 */
function letGoToLoopback(reply: FastifyReply, { origin }: Locations) {
  const policy = contentSecurityPolicy(`${origin} http://127.0.0.1:*`, { runsScript: false })
  reply.header('content-security-policy', policy)
}

/** A hijacked reply sends no header of Fastify's by itself. */
function sendHeaders(reply: FastifyReply) {
  for (const [name, value] of Object.entries(reply.getHeaders())) {
    if (value !== undefined) reply.raw.setHeader(name, value)
  }
}

/** `originalUrl` is how Connect, and Koa after it, tell a mounted handler its full path. */
interface MountedMessage extends IncomingMessage {
  originalUrl?: string | undefined
}

/**
 * Makes the request one to the issuer itself. oidc-provider takes its URLs from Host, X-Forwarded-* and
 * `originalUrl`, so whoever sends those could send people and codes elsewhere.
 * @returns what puts the request back, for the log and the hooks of the service
 */
function pin(request: FastifyRequest, path: string, { issuer }: Locations): () => void {
  const raw: MountedMessage = request.raw
  const { url = '', originalUrl, headers } = raw
  const query = url.includes('?') ? url.slice(url.indexOf('?')) : ''
  raw.url = path + query
  raw.headers = {
    ...headers,
    'x-forwarded-host': issuer.host,
    'x-forwarded-proto': issuer.protocol.slice(0, -1),
  }
  raw.originalUrl = issuer.pathname + raw.url
  return () => {
    raw.url = url
    raw.originalUrl = originalUrl
    raw.headers = headers
  }
}
