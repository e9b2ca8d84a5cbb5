import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import { createTokenVerifier } from '../../src/auth/bearer.js'
import { createIdentityHeaderRemover } from '../../src/auth/identity-headers.js'
import auth, { type Access, type AuthOptions } from '../../src/auth/index.js'
import { createIssuer } from '../../src/auth/issuer.js'
import { embeddedIssuer } from '../../src/dev/index.js'
import { createKeyVerifier } from '../../src/keys/verify.js'
import { renderError } from '../../src/problems/render.js'
import { createSealer } from '../../src/secrets/sealing.js'
import { createUsageCounter } from '../../src/usage/counter.js'
import type { TestService } from './service.js'

const noLimit = { retryAfterSeconds: () => 0, count: () => {} }

export interface Probe {
  access?: Access
  url?: string
  method?: string | string[]
  /** Default: tells what the route can see of the request. */
  handler?: (request: FastifyRequest) => unknown
}

/** What a route behind the hook can see of a request. */
export const tellWhatIsSeen = (request: FastifyRequest) => ({
  principal: request.principal,
  url: request.url,
  originalUrl: request.originalUrl,
  query: request.query,
  headers: request.headers,
  rawHeaders: request.raw.rawHeaders,
})

/** Another service that takes the credentials of this one: the plugin with the real verifiers, and routes of the test. */
export async function guardedApp(
  service: TestService,
  probes: Probe[],
  options: Partial<AuthOptions> = {},
): Promise<FastifyInstance> {
  const { db, clock, config } = service
  const usage = createUsageCounter({ db, onError: () => {} })
  const issuer = createIssuer({
    issuer: config.issuer ?? embeddedIssuer(config.publicUrl),
    clientId: config.clientId,
    clientSecret: 'c'.repeat(32),
  })
  const ofConfig = { audiences: config.audiences, authorizedParties: config.authorizedParties }
  const shared = { refusals: noLimit, clock: clock.now }
  const keys = createKeyVerifier({
    db,
    prefix: config.keys.prefix,
    usage,
    maxStaleMs: config.verdictMaxStaleMs,
    ...shared,
    sealer: createSealer(config.encryptionSecrets),
  })
  const app = Fastify({ return503OnClosing: false })
  const removeIdentityHeaders = createIdentityHeaderRemover('Latchkey')
  app.addHook('onRequest', (request, _reply, done) => {
    removeIdentityHeaders(request.raw)
    done()
  })
  app.setErrorHandler(renderError)
  app.addHook('onClose', () => usage.close())
  await app.register(auth, {
    keyPrefix: config.keys.prefix,
    verifyKey: keys.verify,
    verifyKeyToken: keys.verifyToken,
    verifyToken: createTokenVerifier({ issuer, ...ofConfig, ...shared }),
    clock: clock.now,
    ...options,
  })
  for (const { access, url = '/', method = 'GET', handler = tellWhatIsSeen } of probes) {
    const config = access === undefined ? {} : { access }
    app.route({ method, url, config, handler: async (request) => handler(request) })
  }
  await app.ready()
  return app
}
