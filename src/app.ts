import Fastify, { type FastifyInstance } from 'fastify'
import { adminRoutes } from './admin/routes.js'
import { jwksRoutes } from './assertion/index.js'
import { auditRoutes } from './audit/routes.js'
import auth from './auth/index.js'
import { checkRoutes } from './check/routes.js'
import { boundConnections } from './connections/index.js'
import { exampleCatalog } from './dev/example-catalog.js'
import { embeddedIdentityProvider, embeddedPrefix } from './dev/index.js'
import { embeddedOptions } from './dev/options.js'
import { buildGateway } from './gateway/index.js'
import { readGatewayOptions } from './gateway/options.js'
import { commonHeaders } from './http/headers.js'
import { healthRoutes } from './http/health.js'
import openApi from './http/openapi.js'
import { serverOptions } from './http/options.js'
import { resourceMetadataRoutes } from './http/resource-metadata.js'
import { setValidation } from './http/validation.js'
import { meRoutes } from './keys/me.js'
import { keyRoutes } from './keys/routes.js'
import { linkRoutes } from './links/routes.js'
import { cookieNames } from './login/cookies.js'
import sessions, { loginRoutes } from './login/index.js'
import { renderError, sendProblem } from './problems/render.js'
import { createRuntime, type Runtime, type RuntimeOptions } from './runtime.js'
import { serviceDocuments } from './service-documents/index.js'
import { serviceRoutes } from './services/routes.js'
import type { ServiceRegistry } from './services/types.js'
import { createSingleUserMode } from './single-user/index.js'
import { singleUserRoutes } from './single-user/routes.js'

export interface AppDependencies extends RuntimeOptions {
  version: string
  /** Where log lines go. Default: standard output. */
  logStream?: { write(line: string): void }
}

declare module 'fastify' {
  interface FastifyInstance {
    /** Reads the operator's files again; their faults are logged. */
    reloadDeclarations(): Promise<void>
    /** Makes the process not ready from now on, on both servers: it ends soon. */
    announceEnd(): void
    /** The services behind the gateway. */
    serviceRegistry: ServiceRegistry
  }
}

/** The two servers that listen: this service, and the gateway on an origin of its own. */
export interface Apps {
  app: FastifyInstance
  /** Null: the settings turn it off. It closes with the service, and needs the service to be ready. */
  gateway: FastifyInstance | null
  /** Opens the documentation as the single user, by the key in it; null: people log in. */
  openingUrl: string | null
}

/** Builds the service alone, for callers that need no gateway. */
export const buildApp = async (dependencies: AppDependencies): Promise<FastifyInstance> =>
  (await buildApps(dependencies)).app

/** Builds the service, ready to listen. Everything is registered here, in the order in which a request meets it. */
export async function buildApps(dependencies: AppDependencies): Promise<Apps> {
  const { config, db, version, logStream } = dependencies
  const { publicUrl, swaggerClientId, cliClientId, verdictMaxStaleMs: maxStaleMs } = config
  const gatewayUrl = config.gateway?.publicUrl
  const singleUser = createSingleUserMode(config, dependencies.random)
  const app = Fastify(serverOptions(config, { ...singleUser?.http, logStream }))
  const runtime = createRuntime(dependencies, singleUser, app.log)
  const { identityProvider, services, keyring, limiter, authOptions, clock } = runtime
  const gateway = config.gateway && (await buildGateway(readGatewayOptions(config, runtime, app.log)))
  followLife(app, gateway, runtime)

  // Every request.
  setValidation(app)
  app.setErrorHandler(renderError)
  app.setNotFoundHandler((_request, reply) => sendProblem(reply, 'not_found'))
  await app.register(commonHeaders, { config, takesHost: singleUser?.takesHost })
  boundConnections(app, runtime.stalled)
  app.addHook('onRequest', (request, reply, done) => {
    // Without its body, which Fastify would read first.
    if (request.is404) sendProblem(reply, 'not_found')
    else done()
  })

  // Open to everybody.
  const login = identityProvider && { issuer: identityProvider.issuer.issuer, swaggerClientId, cliClientId }
  await app.register(openApi, {
    ...{ publicUrl, gatewayUrl, version, login, sessionCookie: cookieNames(publicUrl).session },
  })
  if (gatewayUrl !== undefined) {
    await app.register(serviceDocuments, {
      ...{ registry: services, targets: runtime.targets, db, publicUrl, gatewayUrl, clock },
    })
  }
  await app.register(healthRoutes, { readiness: runtime.readiness })
  await app.register(resourceMetadataRoutes, { publicUrl, gatewayUrl, login })
  await app.register(jwksRoutes, { keyring })
  await app.register(checkRoutes, { verifyKey: authOptions.verifyKey, limiter, services, clock, maxStaleMs })
  // Behind the hook, or leading to it.
  await app.register((own) => addOwnEndpoints(own, dependencies, runtime))
  if (config.exampleCatalog)
    await app.register(exampleCatalog, { prefix: '/catalog', publicUrl, authOptions })
  if (config.issuer === undefined && singleUser === null) {
    const options = embeddedOptions(dependencies, runtime.attempts)
    await app.register(embeddedIdentityProvider, { prefix: embeddedPrefix, ...options })
  }
  return { app, gateway, openingUrl: singleUser?.openingUrl ?? null }
}

/** Registers the routes that this service is for: the only scope in which its session is a credential. */
async function addOwnEndpoints(own: FastifyInstance, dependencies: AppDependencies, runtime: Runtime) {
  const { config, db } = dependencies
  const { publicUrl, sessionLifetimeMs, managementClients } = config
  const { clock, directory: owners, singleUser, identityProvider, keyContext: context } = runtime
  const { sessionSecret } = dependencies.secrets
  const wayIn = { db, publicUrl, sessionLifetimeMs, clock }
  // Before any hook that refuses: an answer about keys, or a refusal, must not be kept by a cache.
  own.addHook('onRequest', (_request, reply, done) => {
    reply.header('cache-control', 'no-store')
    done()
  })
  await own.register(sessions, { ...wayIn, owners, sessionSecret })
  if (singleUser !== null) {
    await own.register(singleUserRoutes, { ...wayIn, key: singleUser.key, refusals: runtime.refusals })
  }
  if (identityProvider !== null) {
    await own.register(loginRoutes, {
      ...{ ...wayIn, owners, attempts: runtime.attempts, sessionSecret },
      ...{ clientId: config.clientId, attributes: config.attributes, issuer: identityProvider.issuer },
      verifyToken: identityProvider.verifyOwnToken,
      reportRole: identityProvider.reportRole,
      invalidateOwner: runtime.keys.invalidateOwner,
    })
  }
  await own.register(async (guarded) => {
    await guarded.register(auth, {
      ...{ ...runtime.authOptions, administration: runtime.administration, isOwn: true },
      readSession: (request) => request.session.principal ?? null,
      publicOrigin: new URL(publicUrl).origin,
    })
    await guarded.register(meRoutes)
    await guarded.register(keyRoutes, { context, managementClients })
    await guarded.register(linkRoutes, { context: runtime.linkContext, managementClients })
    await guarded.register(adminRoutes, { context, managementClients })
    await guarded.register(auditRoutes, { context, managementClients })
    await guarded.register(serviceRoutes, { context: runtime.serviceContext, managementClients })
  })
}

/** Starts and ends the runtime with the service. The gateway closes first, since its last calls are still counted. */
function followLife(app: FastifyInstance, gateway: FastifyInstance | null, runtime: Runtime): void {
  // A hook each, because Fastify limits the time of a hook.
  for (const { start } of runtime.parts) if (start !== undefined) app.addHook('onReady', start)
  app.addHook('onClose', async () => {
    await gateway?.close()
    await runtime.close()
  })
  app.decorate('reloadDeclarations', runtime.reload)
  app.decorate('announceEnd', runtime.readiness.announceEnd)
  app.decorate('serviceRegistry', runtime.services)
}
