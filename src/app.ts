import { randomBytes } from 'node:crypto'
import Fastify, { type FastifyBaseLogger, type FastifyInstance } from 'fastify'
import { stacCatalog } from '../examples/stac-catalog/index.js'
import type { AdminContext } from './admin/context.js'
import { adminRoutes } from './admin/routes.js'
import { jwksRoutes } from './assertion/index.js'
import auth from './auth/index.js'
import { checkRoutes } from './check/routes.js'
import { addCommonHeaders } from './common-headers.js'
import type { Config } from './config.js'
import { embeddedIdentityProvider, embeddedPrefix } from './dev/index.js'
import type { DirectorySource } from './directory/source.js'
import { renderError, sendProblem } from './errors.js'
import { buildGateway } from './gateway/index.js'
import { healthRoutes } from './health.js'
import { meRoutes } from './keys/me.js'
import { keyRoutes } from './keys/routes.js'
import type { Random } from './keys/value.js'
import { linkRoutes } from './links/routes.js'
import { cookieNames } from './login/cookies.js'
import sessions, { loginRoutes } from './login/index.js'
import openApi from './openapi.js'
import { createParts, type Parts } from './parts.js'
import { resourceMetadataRoutes } from './resource-metadata.js'
import { problemResponses } from './schemas/common.js'
import type { Secrets } from './secrets.js'
import { serverOptions } from './server-options.js'
import { serviceDocuments } from './service-documents/index.js'
import type { ServiceContext } from './services/context.js'
import { declareServices } from './services/declared.js'
import { knowOwnAddresses } from './services/own-addresses.js'
import { requireGroupsAndServices } from './services/refer.js'
import type { ServiceRegistry } from './services/registry.js'
import { serviceRoutes } from './services/routes.js'
import { createSingleUserMode } from './single-user/index.js'
import { settleSingleUser } from './single-user/person.js'
import { singleUserRoutes } from './single-user/routes.js'
import type { Database } from './store/database.js'
import { setValidation } from './validation.js'

export interface AppDependencies {
  config: Config
  db: Database
  /** Those of the embedded identity provider are needed only without an issuer. */
  secrets: Pick<Secrets, 'sessionSecret'> & Partial<Secrets>
  version: string
  /** Milliseconds since the epoch. Default: the system's clock. */
  clock?: () => number
  /** Where people are looked up. Default: at the identity provider. */
  directory?: DirectorySource
  /** Default: the system's. */
  random?: Random
  /** Where log lines go. Default: standard output. */
  logStream?: { write(line: string): void }
}

declare module 'fastify' {
  interface FastifyInstance {
    /** Applies the files that are read on SIGHUP anew; their faults are logged. */
    reloadDeclarations(): Promise<void>
    /** The services behind the gateway. */
    serviceRegistry: ServiceRegistry
  }
}

/** What listens: this service, and the gateway on its own origin where there is one. */
export interface Apps {
  app: FastifyInstance
  /** It ends with the service, and needs its `ready`. */
  gateway: FastifyInstance | null
  /** Opens the documentation as the single user, by the key in it; null: people log in. */
  openingUrl: string | null
}

/** The service alone, for who needs no gateway. */
export const buildApp = async (dependencies: AppDependencies): Promise<FastifyInstance> =>
  (await buildApps(dependencies)).app

/** The service, ready to listen: everything is registered here, in the order in which a request meets it. */
export async function buildApps(dependencies: AppDependencies): Promise<Apps> {
  const { config, random = randomBytes } = dependencies
  const singleUser = createSingleUserMode(config, random)
  const app = Fastify(serverOptions(config, { singleUser, logStream: dependencies.logStream }))
  const parts = createParts({ ...dependencies, singleUser }, app.log)
  const gateway = await addGateway(dependencies, parts, app.log)

  setValidation(app)
  app.setErrorHandler(renderError)
  app.setNotFoundHandler((_request, reply) => sendProblem(reply, 'not_found'))
  if (singleUser !== null) {
    app.addHook('onReady', () => settleSingleUser(dependencies.db, new Date(parts.clock())))
  }
  app.addHook('onReady', () => parts.directory.start(parts.keys))
  addDeclarations(app, dependencies, parts)
  app.addHook('onReady', () => parts.keyring.start())
  app.addHook('onClose', async () => {
    // What it still counts is written below.
    await gateway?.close()
    await Promise.all([
      parts.providerFile?.close(),
      parts.directory.close(),
      parts.usage.close(),
      parts.services.close(),
      parts.limiter.close(),
      parts.keyring.close(),
    ])
  })
  await addCommonHeaders(app, config, singleUser)
  await addOpenRoutes(app, dependencies, parts)
  await app.register((own) => addOwnEndpoints(own, dependencies, parts))
  if (config.exampleCatalog) {
    await app.register((guarded) => addExampleCatalog(guarded, config, parts), { prefix: '/catalog' })
  }
  if (config.issuer === undefined && singleUser === null) {
    await addEmbeddedIdentityProvider(app, dependencies, parts)
  }
  return { app, gateway, openingUrl: singleUser?.openingUrl ?? null }
}

/** The same check and the same memory as the service's own, on another origin. */
async function addGateway(
  { config }: AppDependencies,
  parts: Parts,
  logger: FastifyBaseLogger,
): Promise<FastifyInstance | null> {
  if (config.gateway === null) return null
  const { singleUser } = parts
  const { session, pendingLogins } = cookieNames(config.publicUrl)
  return buildGateway({
    // Its own pages may use the cookie of a service, and those of this site none of it.
    authOptions: {
      ...parts.authOptions,
      verifyLink: parts.verifyLink,
      publicOrigin: new URL(config.gateway.publicUrl).origin,
    },
    registry: parts.services,
    ...(singleUser === null ? {} : { takesHost: singleUser.takesHost }),
    describeCaller: parts.assertions.headersFor,
    publicUrl: config.gateway.publicUrl,
    docsOrigin: new URL(config.publicUrl).origin,
    identityHeaderPrefix: config.identityHeaderPrefix,
    headerPrefix: config.headerPrefix,
    ownCookies: [session, pendingLogins],
    trustProxy: config.trustProxy,
    logger,
  })
}

/** What everybody may see. */
async function addOpenRoutes(app: FastifyInstance, dependencies: AppDependencies, parts: Parts) {
  const { config, db, version } = dependencies
  const { login, clock } = parts
  const { publicUrl, gateway } = config
  await app.register(openApi, {
    publicUrl,
    login: login && { issuer: login.issuer.issuer, clientId: config.swaggerClientId },
    version,
    sessionCookie: cookieNames(publicUrl).session,
    ...(gateway === null ? {} : { gatewayUrl: gateway.publicUrl }),
  })
  if (gateway !== null) {
    await app.register(serviceDocuments, {
      registry: parts.services,
      ...{ db, publicUrl, gatewayUrl: gateway.publicUrl, clock },
    })
  }
  // Elsewhere it is the way in.
  if (login !== null) {
    app.get('/', { schema: { hide: true } }, (_request, reply) => reply.redirect(`${publicUrl}/docs`, 302))
  }
  await app.register(healthRoutes, {
    needs: {
      database: (timeoutMs) => db.isReachable(timeoutMs),
      ...(login === null ? {} : { issuer: (timeoutMs) => login.issuer.isReachable(timeoutMs) }),
    },
    clock,
  })
  await app.register(resourceMetadataRoutes, {
    publicUrl,
    login: login && { issuer: login.issuer.issuer, cliClientId: config.cliClientId },
    ...(gateway === null ? {} : { gatewayUrl: gateway.publicUrl }),
  })
  await app.register(jwksRoutes, { keyring: parts.keyring })
  await app.register(checkRoutes, {
    verifyKey: parts.authOptions.verifyKey,
    limiter: parts.limiter,
    findService: (id) => {
      const service = parts.services.find(id)
      return service === null || service === 'unknown' ? service : service.called
    },
    maxStaleMs: config.verdictMaxStaleMs,
    clock,
  })
}

/** What this service is for; the only scope in which its session is a credential. */
async function addOwnEndpoints(own: FastifyInstance, dependencies: AppDependencies, parts: Parts) {
  const { config, db, secrets, random = randomBytes } = dependencies
  const { publicUrl } = config
  const { clock, directory: owners, keys } = parts
  // Before any hook that refuses: who holds which key is nobody's to keep on the way, a refusal neither.
  own.addHook('onRequest', (_request, reply, done) => {
    reply.header('cache-control', 'no-store')
    done()
  })
  await own.register(sessions, {
    db,
    owners,
    publicUrl,
    secret: secrets.sessionSecret,
    lifetimeMs: config.sessionLifetimeMs,
    clock,
  })
  await addWayIn(own, dependencies, parts)
  await own.register(async (guarded) => {
    await guarded.register(auth, {
      ...parts.authOptions,
      isOwn: true,
      readSession: (request) => request.session.principal ?? null,
      publicOrigin: new URL(publicUrl).origin,
      administration: { role: config.adminRole, confirm: parts.confirmRight },
    })
    await guarded.register(meRoutes)
    const context: AdminContext = {
      ...{ db, owners, clock, random, policy: config.keys, sealer: parts.sealer },
      scopeDescriptions: parts.scopeDescriptions,
      forget: keys.forget,
      forgetOwner: keys.forgetOwner,
      forgetKeys: keys.forgetAll,
      ...(parts.providerFile === undefined ? {} : { keySwitch: parts.providerFile }),
      requireRegistered: requireGroupsAndServices,
      counters: { read: parts.limiter.look, reset: parts.limiter.reset },
    }
    const { managementClients } = config
    await guarded.register(keyRoutes, { context, managementClients })
    await guarded.register(linkRoutes, {
      context: {
        ...context,
        ...{ keyring: parts.keyring, canSign: parts.sealer !== null, registry: parts.services },
        gatewayUrl: config.gateway?.publicUrl ?? null,
      },
      managementClients,
    })
    await guarded.register(adminRoutes, { context, managementClients })
    await guarded.register(serviceRoutes, {
      context: describeServices(dependencies, parts),
      managementClients,
    })
  })
}

/** How a session begins and ends. */
async function addWayIn(own: FastifyInstance, { config, db, secrets }: AppDependencies, parts: Parts) {
  const { publicUrl, sessionLifetimeMs } = config
  const { login, singleUser, clock } = parts
  const common = { db, publicUrl, sessionLifetimeMs, clock }
  if (singleUser !== null) {
    await own.register(singleUserRoutes, { ...common, key: singleUser.key, refusals: parts.refusals })
  }
  if (login === null) return
  await own.register(loginRoutes, {
    ...common,
    owners: parts.directory,
    attributes: config.attributes,
    forgetOwner: parts.keys.forgetOwner,
    issuer: login.issuer,
    clientId: config.clientId,
    verifyToken: login.verifyOwnToken,
    sessionSecret: secrets.sessionSecret,
    attempts: parts.attempts,
  })
}

/** What the operator declares is there before the first request, or nothing starts. */
function addDeclarations(app: FastifyInstance, dependencies: AppDependencies, parts: Parts): void {
  const context = describeServices(dependencies, parts)
  const declared = declareServices(context, { path: dependencies.config.servicesFile, log: app.log })
  app.addHook('onReady', async () => {
    await parts.scopeDescriptions.apply()
    await parts.providerFile?.start()
    await declared.apply()
    await parts.services.start()
  })
  app.decorate('reloadDeclarations', async () => {
    await Promise.all([parts.scopeDescriptions.reload(), declared.reload()])
  })
  app.decorate('serviceRegistry', parts.services)
}

function describeServices({ config, db }: AppDependencies, parts: Parts): ServiceContext {
  const { publicUrl, host, port, gateway } = config
  return {
    db,
    registry: parts.services,
    clock: parts.clock,
    isOwnAddress: knowOwnAddresses({
      host,
      publicUrls: gateway === null ? [publicUrl] : [publicUrl, gateway.publicUrl],
      ports: gateway === null ? [port] : [port, gateway.port],
    }),
    defaultGroups: config.keys.defaultGroups,
  }
}

/** A service as any other: it takes tokens and keys, and never this site's session. */
async function addExampleCatalog(guarded: FastifyInstance, { publicUrl }: Config, parts: Parts) {
  await guarded.register(auth, parts.authOptions)
  guarded.addHook('onRoute', ({ schema = {} }) => {
    const ofBody = schema.body === undefined ? [] : ([413, 415] as const)
    schema.response = { ...problemResponses(400, 401, 403, ...ofBody), ...(schema.response as object) }
  })
  await guarded.register(stacCatalog, {
    baseUrl: `${publicUrl}/catalog`,
    serviceDescUrl: `${publicUrl}/docs/json`,
    serviceDocUrl: `${publicUrl}/docs`,
  })
}

async function addEmbeddedIdentityProvider(
  app: FastifyInstance,
  { config, secrets }: AppDependencies,
  { attempts }: Parts,
): Promise<void> {
  const { embeddedClientSecret, signingKey } = secrets
  if (embeddedClientSecret === undefined || signingKey === undefined) {
    throw new Error('The embedded identity provider needs its secrets')
  }
  await app.register(embeddedIdentityProvider, {
    prefix: embeddedPrefix,
    publicUrl: config.publicUrl,
    serviceClient: { id: config.clientId, secret: embeddedClientSecret },
    swaggerClientId: config.swaggerClientId,
    cliClientId: config.cliClientId,
    adminRole: config.adminRole,
    signingKey,
    signInRate: (request) => {
      const retryAfterSeconds = attempts.retryAfterSeconds(request.ip)
      attempts.count(request.ip)
      return { allowed: retryAfterSeconds === 0, retryAfterSeconds }
    },
  })
}
