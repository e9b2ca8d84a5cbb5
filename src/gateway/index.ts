import { randomUUID } from 'node:crypto'
import { type IncomingMessage, METHODS } from 'node:http'
import replyFrom, { type FastifyReplyFromHooks } from '@fastify/reply-from'
import Fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type FastifyServerOptions,
  LogController,
} from 'fastify'
import type { Dispatcher } from 'undici'
import { decideForwarded } from '../auth/forwarding.js'
import { dropIfGone } from '../auth/gone.js'
import { createGuard } from '../auth/guard.js'
import { removeQueryKey } from '../auth/index.js'
import { createRecheck } from '../auth/recheck.js'
import { isSafeMethod } from '../auth/same-origin.js'
import type { AuthOptions, Principal } from '../auth/types.js'
import { answerBrokenRequest, answerBrokenUrl, renderError, sendProblem } from '../errors.js'
import type { RegisteredService, ServiceRegistry } from '../services/registry.js'
import { createAnswerHeaders } from './answer-headers.js'
import { Exchange, type ExchangeContext } from './exchange.js'
import { readTarget } from './path.js'
import { answerPreflight, isPreflight, refusePreflight } from './preflight.js'
import { BodyTooLarge, hasBody, RequestBody } from './request-body.js'
import { createRequestHeaders } from './request-headers.js'
import { pathAt, TargetPools, targetOf } from './targets.js'
import { CallsUnderWay } from './under-way.js'
import { acceptUpgrades, Tunnel, type Upgrades } from './upgrade.js'

type Identity = Readonly<Record<string, string>>

export interface GatewayOptions {
  authOptions: AuthOptions
  registry: Pick<ServiceRegistry, 'match' | 'find' | 'list'>
  /** The headers that tell a service who is calling; null: nobody who had to say so. */
  describeCaller: (principal: Principal | null, serviceId: string) => Identity | Promise<Identity>
  /** Where clients reach it. */
  publicUrl: string
  identityHeaderPrefix: string
  headerPrefix: string
  /** How the names of this product's own cookies begin. */
  ownCookies: readonly string[]
  trustProxy: readonly string[]
  /** The service's own, since both are one process. */
  logger: FastifyBaseLogger
}

declare module 'fastify' {
  interface FastifyRequest {
    /** At the gateway: the service that is called, once it is known. */
    service: RegisteredService | null
    /** At the gateway: the call of that service. */
    exchange: Exchange | null
  }
}

// A body may take as long as it wants; a head has no reason to.
const headersTimeoutMs = 15_000
/** Less than the 20 s in which the process ends. */
const drainMs = 10_000
const forgetTargetsMs = 60_000

/** Carries the exchange through reply-from to the one place where it meets undici. */
const carried = Symbol('exchange')

/** The gateway, ready to listen: every request is checked, then streamed to the service that its path names. */
export async function buildGateway(options: GatewayOptions): Promise<FastifyInstance> {
  const { registry } = options
  const app = Fastify(serverOptions(options))
  app.server.headersTimeout = headersTimeoutMs
  const pools = new TargetPools()
  const underWay = new CallsUnderWay(registry, createRecheck(options.authOptions))
  const upgrades = acceptUpgrades(app)
  const waiting = holdWaitingBodies(app)
  const send = createSender(pools, waiting, options)

  await app.register(replyFrom, {
    // Replaced by the target of each exchange; reply-from only needs one that is a URL.
    base: 'http://gateway.invalid',
    undici: { request: createTransport(send) },
    disableRequestLogging: true,
  })
  app.decorateRequest('service', null)
  app.decorateRequest('exchange', null)
  app.decorateRequest('principal', null as unknown as Principal)
  app.decorateRequest('presented', null as never)
  app.setErrorHandler(renderError)
  app.addHook('onRequest', createDoorkeeper(registry, options.authOptions))
  app.addHook('onResponse', logAnswer)
  serveEveryMethod(app, createForward({ options, send, underWay, upgrades }))
  followTheirEnds(app, { underWay, pools, registry })
  return app
}

function serverOptions({ logger, trustProxy }: GatewayOptions): FastifyServerOptions {
  return {
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: () => randomUUID(),
    requestIdHeader: false,
    trustProxy: trustProxy.length === 0 ? false : [...trustProxy],
    requestTimeout: 0,
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
  handler: (request: FastifyRequest, reply: FastifyReply) => unknown,
): void {
  const methods = METHODS.filter((method) => method !== 'CONNECT')
  // As if none had a body: bodies are the services' to read, whatever their type.
  for (const method of methods) app.addHttpMethod(method, { hasBody: false, overrideExisting: true })
  app.route({ method: methods, url: '/', handler })
}

/** Target, service, preflight, caller: whoever comes past it is forwarded. */
function createDoorkeeper(registry: GatewayOptions['registry'], authOptions: AuthOptions) {
  const guard = createGuard(authOptions)

  return (request: FastifyRequest, reply: FastifyReply, done: (error?: Error) => void): void => {
    if (dropIfGone(request, reply)) return
    reply.header('x-request-id', request.id)
    const { raw } = request
    const target = readTarget(request.originalUrl)
    if (target === null) return void sendProblem(reply, 'invalid_request')
    const { path, query, authority } = target
    raw.url = path + query
    if (authority !== null) raw.headers.host = authority
    const service = registry.match(path)
    if (service === null) return void sendProblem(reply, 'not_found')
    if (service === 'unknown') return void sendProblem(reply, 'unavailable')
    request.service = service
    const { max_body_bytes: maxBytes } = service.descriptor
    if (maxBytes !== null && Number(raw.headers['content-length']) > maxBytes) {
      return void sendProblem(reply, 'payload_too_large')
    }
    if (isPreflight(request)) letPreflight(service, request, reply, done)
    else guard(request, reply, isSafeMethod(request.method) ? service.readAccess : service.writeAccess, done)
  }
}

/** It goes on to the service as nobody's, is answered here, or ends here. */
function letPreflight(
  { descriptor, readAccess }: RegisteredService,
  request: FastifyRequest,
  reply: FastifyReply,
  done: () => void,
): void {
  const { raw } = request
  if (descriptor.preflight === 'refuse') refusePreflight(reply)
  else if (descriptor.preflight === 'answer') answerPreflight(request, reply)
  else {
    // A browser asks with the whole URL of the call to come.
    if (readAccess.allowQueryKey === true) raw.url = removeQueryKey(raw.url ?? '')
    done()
  }
}

/** Calls end with what let them in, and all of them with the gateway; connections with the last use of a target. */
function followTheirEnds(
  app: FastifyInstance,
  parts: { underWay: CallsUnderWay; pools: TargetPools; registry: GatewayOptions['registry'] },
): void {
  const { underWay, pools, registry } = parts
  const keepTargets = () =>
    pools.keepOnly(new Set(registry.list().map((service) => targetOf(service).origin)))
  const timer = setInterval(keepTargets, forgetTargetsMs).unref()
  app.addHook('onReady', async () => underWay.start())
  app.addHook('preClose', () => underWay.drain(drainMs))
  app.addHook('onClose', () => {
    clearInterval(timer)
    return pools.close()
  })
}

/** Clients that ask before they send a body are told to when its service reads it, and never before the check. */
function holdWaitingBodies(app: FastifyInstance): WeakSet<IncomingMessage> {
  const waiting = new WeakSet<IncomingMessage>()
  app.server.on('checkContinue', (request, response) => {
    waiting.add(request)
    app.routing(request, response)
  })
  return waiting
}

/** What a call is made of beside its exchange. */
interface Call {
  readonly exchange: Exchange
  readonly identity: Identity
}

type Send = (call: Call, upgrade: 'websocket' | null) => void

interface ForwardParts {
  options: GatewayOptions
  send: Send
  underWay: CallsUnderWay
  upgrades: Upgrades
}

/** Sends on what came past the door: through reply-from, or as a WebSocket. */
function createForward({ options, send, underWay, upgrades }: ForwardParts) {
  const { describeCaller, headerPrefix, ownCookies } = options
  const context: ExchangeContext = {
    answerHeaders: createAnswerHeaders({ headerPrefix, ownCookies }),
    proxyLatencyHeader: `${headerPrefix.toLowerCase()}-proxy-latency`,
    upstreamLatencyHeader: `${headerPrefix.toLowerCase()}-upstream-latency`,
    ended: (exchange) => underWay.delete(exchange),
  }

  return (request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    // The door lets nobody pass without one.
    const service = request.service as RegisteredService
    const wanted = upgrades.get(request.raw)
    const exchange =
      wanted === undefined
        ? new Exchange(request, reply, service, context)
        : new Tunnel(wanted, request, reply, service, context)
    underWay.add(exchange)
    const go = wanted === undefined ? sendThroughReplyFrom : sendUpgrade
    const identity = describeCaller(request.principal, service.descriptor.id)
    if (identity instanceof Promise) {
      identity.then((known) => go(reply, { exchange, identity: known })).catch((error) => reply.send(error))
    } else go(reply, { exchange, identity })
    return reply
  }

  function sendUpgrade(reply: FastifyReply, call: Call): void {
    const { exchange } = call
    exchange.begin((error) => {
      if (error === null) exchange.answer()
      else answerFailure(reply, exchange)
    })
    send(call, 'websocket')
  }
}

const noHeaders = {}

function sendThroughReplyFrom(reply: FastifyReply, call: Call): void {
  const { exchange } = call
  const hooks: FastifyReplyFromHooks = {
    rewriteRequestHeaders: () => ({ [carried]: call }) as never,
    // Written by the exchange as they came: reply-from would join and rename them.
    rewriteHeaders: () => noHeaders,
    onResponse: () => exchange.answer(),
    onError: () => answerFailure(reply, exchange),
    // Its own way is to ask again up to ten times after a 503.
    retryDelay: ({ err, attempt }) => (attempt === 0 && mayRepeat(exchange, err) ? 1 : null),
  }
  reply.from('/', hooks)
}

const repeatable = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE'])

/** A kept connection that the service closes just when it is used again is no failure of a request that only reads. */
function mayRepeat(exchange: Exchange, error: Error | null): boolean {
  const { method, raw } = exchange.request
  return error !== null && repeatable.has(method) && !hasBody(raw) && exchange.mayRepeat(error)
}

const timeouts = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_CONNECT_TIMEOUT', 'ETIMEDOUT'])

function answerFailure(reply: FastifyReply, { failure }: Exchange): void {
  if (failure instanceof BodyTooLarge) sendProblem(reply, 'payload_too_large')
  else if (timeouts.has((failure as NodeJS.ErrnoException | null)?.code ?? ''))
    sendProblem(reply, 'gateway_timeout')
  else sendProblem(reply, 'bad_gateway')
}

type RequestOfReplyFrom = (
  options: { headers: { [carried]: Call } },
  callback: (error: Error | null, answer: unknown) => void,
) => void

/** What reply-from takes for undici: it finds the call that it was given, and sends it to its target. */
function createTransport(send: Send): Dispatcher['request'] {
  const request: RequestOfReplyFrom = ({ headers: { [carried]: call } }, callback) => {
    const { exchange } = call
    exchange.begin((error) =>
      callback(error, {
        statusCode: exchange.statusCode,
        headers: {},
        body: { destroy: () => exchange.cut() },
      }),
    )
    send(call, null)
  }
  // Of the many forms of undici's `request`, reply-from calls this one.
  return request as unknown as Dispatcher['request']
}

function createSender(pools: TargetPools, waiting: WeakSet<IncomingMessage>, options: GatewayOptions): Send {
  const scheme = new URL(options.publicUrl).protocol.replace(':', '')
  const makeHeaders = createRequestHeaders({ ...options, scheme })

  return ({ exchange, identity }, upgrade) => {
    const { raw, id: requestId, principal, presented } = exchange.request
    const { descriptor } = exchange.service
    const target = targetOf(exchange.service)
    const { hiddenPrefix } = target
    // Null: a preflight, which nobody had to prove anything for.
    const forwarded =
      principal === null ? null : decideForwarded(presented, principal.via, descriptor.forward_authorization)
    const letSend = () => {
      if (waiting.has(raw)) exchange.letSend()
    }
    pools.of(target.origin).dispatch(
      {
        path: pathAt(target, raw.url ?? '/'),
        // Node's parser has let it through; undici's type names the common ones.
        method: raw.method as Dispatcher.HttpMethod,
        headers: makeHeaders({ message: raw, requestId, forwarded, identity, hiddenPrefix }),
        body: hasBody(raw) ? new RequestBody(raw, descriptor.max_body_bytes, letSend) : null,
        headersTimeout: descriptor.timeout_ms,
        bodyTimeout: 0,
        upgrade,
      },
      exchange,
    )
  }
}

function logAnswer(request: FastifyRequest, reply: FastifyReply, done: () => void): void {
  const { principal, service } = request
  const caller = principal && { subject: principal.subject, via: principal.via, keyId: principal.keyId }
  request.log.info(
    { req: request, res: reply, ms: Math.round(reply.elapsedTime), service: service?.descriptor.id, caller },
    'answered',
  )
  if (!request.raw.complete) leaveSoon(request.raw)
  done()
}

/** Of a body that nobody reads: long enough for a client to see the answer, too short to be worth an attack. */
const lingerMs = 2000

function leaveSoon(message: IncomingMessage): void {
  setTimeout(() => {
    if (!message.complete) message.destroy()
  }, lingerMs).unref()
}
