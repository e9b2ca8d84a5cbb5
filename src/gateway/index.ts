import { randomUUID } from 'node:crypto'
import { type IncomingMessage, METHODS, type Server } from 'node:http'
import Fastify, {
  type FastifyBaseLogger,
  type FastifyHttpOptions,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from 'fastify'
import { compileTrust } from '../addresses.js'
import { createRecheck } from '../auth/recheck.js'
import type { AuthOptions, PresentedForm, Principal } from '../auth/types.js'
import { boundConnections } from '../connections/index.js'
import type { StalledConnections } from '../connections/stalled.js'
import { logAnswer } from '../log/answer-line.js'
import { createRequestLog } from '../log/request-log.js'
import { answerBrokenRequest, answerBrokenUrl } from '../problems/broken-requests.js'
import { renderError } from '../problems/render.js'
import type { RegisteredService, ServiceRegistry, TargetPolicy } from '../services/types.js'
import { acceptUpgrades } from './accept-upgrades.js'
import { createAdmission } from './admit.js'
import docsOrigin from './docs-origin.js'
import { createForward, type DescribeCaller } from './forward.js'
import { OpenCalls } from './open-calls.js'
import { answerReadiness, isReadinessQuestion } from './ready.js'
import { createSender } from './send.js'
import { findTarget, poolOf, TargetPools } from './targets.js'

export interface GatewayOptions {
  authOptions: AuthOptions
  registry: Pick<ServiceRegistry, 'match' | 'isAmbiguous' | 'decisiveDepth' | 'find' | 'list'>
  /** Whether a request that names this `Host` was meant for the gateway. Default: any. */
  takesHost?: (host: string | undefined) => boolean
  /** Finds what speaks against sending requests to this process; null: nothing. */
  findFault: () => Promise<string | null>
  /** Which addresses services may have. */
  targets: TargetPolicy
  describeCaller: DescribeCaller
  /** Where clients reach it. */
  publicUrl: string
  /** The origin of the page with Swagger UI, which may call every service. */
  docsOrigin: string
  identityHeaderPrefix: string
  headerPrefix: string
  /** How the names of this product's own cookies begin. */
  ownCookies: readonly string[]
  trustProxy: readonly string[]
  /** Ends connections of clients and services that stand still. */
  stalled: StalledConnections
  /** The service's own, since both are one process. */
  logger: FastifyBaseLogger
}

declare module 'fastify' {
  interface FastifyRequest {
    /** At the gateway: the service that is called, once it is known. */
    service: RegisteredService | null
  }
}

// A body may take as long as it wants; a head has no reason to.
const headersTimeoutMs = 15_000
/** How late the time limit of a head may be noticed. Node's default is 30 s. */
const checkConnectionsEveryMs = 2000
/** For each hook of the start and the end. Fastify's 10 s are no more than the last calls get. */
const hookTimeoutMs = 30_000
const checkPoolsEveryMs = 60_000

/** The gateway, ready to listen: every request is checked, then streamed to the service that its path names. */
export async function buildGateway(options: GatewayOptions): Promise<FastifyInstance> {
  const { registry } = options
  const app = Fastify(makeServerOptions(options))
  app.server.headersTimeout = headersTimeoutMs
  const pools = new TargetPools(options.targets)
  const openCalls = new OpenCalls(registry, createRecheck(options.authOptions))
  const upgrades = acceptUpgrades(app)
  const waiting = noteWaitingClients(app)
  const send = createSender(pools, waiting, options)

  app.decorateRequest('service', null)
  app.decorateRequest('credentialInPath', null)
  app.decorateRequest('readings', undefined)
  // Null until the guard has let a caller in; typed as always there, as behind the hook.
  app.decorateRequest('principal', null as unknown as Principal)
  app.decorateRequest('presented', null as unknown as PresentedForm)
  app.decorateRequest('isForwardable', false)
  app.setErrorHandler(renderError)
  await app.register(docsOrigin, { origin: options.docsOrigin })
  boundConnections(app, options.stalled)
  app.addHook('onRequest', answerReadiness(options))
  app.addHook('onRequest', createAdmission(options))
  app.addHook('onResponse', (request, reply, done) => {
    const level = isReadinessQuestion(request) && request.service === null ? 'debug' : 'info'
    logAnswer(app.log, request, reply, { level, service: request.service?.descriptor.id })
    done()
  })
  serveEveryMethod(app, createForward({ ...options, send, openCalls, upgrades }))
  endWithGateway(app, { openCalls, pools, registry })
  return app
}

function makeServerOptions({ logger, trustProxy }: GatewayOptions): FastifyHttpOptions<Server> {
  return {
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true }),
    childLoggerFactory: createRequestLog,
    genReqId: () => randomUUID(),
    requestIdHeader: false,
    pluginTimeout: hookTimeoutMs,
    trustProxy: compileTrust(trustProxy),
    requestTimeout: 0,
    http: { connectionsCheckingInterval: checkConnectionsEveryMs },
    return503OnClosing: false,
    exposeHeadRoutes: false,
    // Paths are matched by the registry and never by the router, which would decode and refuse them in its own way.
    rewriteUrl: () => '/',
    frameworkErrors: answerBrokenUrl,
    clientErrorHandler: answerBrokenRequest,
  }
}

function serveEveryMethod(
  app: FastifyInstance,
  handler: (request: FastifyRequest, reply: FastifyReply) => void,
): void {
  const methods = METHODS.filter((method) => method !== 'CONNECT')
  // As if none had a body: bodies are the services' to read, whatever their type.
  for (const method of methods) app.addHttpMethod(method, { hasBody: false, overrideExisting: true })
  app.route({ method: methods, url: '/', handler })
}

/** Calls end with what let them in, and all of them with the gateway; connections with the last use of a target. */
function endWithGateway(
  app: FastifyInstance,
  parts: { openCalls: OpenCalls; pools: TargetPools; registry: GatewayOptions['registry'] },
): void {
  const { openCalls, pools, registry } = parts
  const closeUnusedPools = () =>
    pools.keepOnly(new Set(registry.list().map((service) => poolOf(findTarget(service)))))
  const timer = setInterval(closeUnusedPools, checkPoolsEveryMs).unref()
  app.addHook('onReady', async () => openCalls.start())
  app.addHook('onClose', () => {
    clearInterval(timer)
    openCalls.close()
    return pools.close()
  })
}

/** Clients that ask before they send a body are told to when its service reads it, and never before the check. */
function noteWaitingClients(app: FastifyInstance): WeakSet<IncomingMessage> {
  const waiting = new WeakSet<IncomingMessage>()
  app.server.on('checkContinue', (request, response) => {
    waiting.add(request)
    app.routing(request, response)
  })
  return waiting
}
