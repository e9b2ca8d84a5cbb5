import type { IncomingMessage } from 'node:http'
import type { FastifyReplyFromHooks } from '@fastify/reply-from'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Dispatcher } from 'undici'
import { decideForwarded } from '../auth/forwarding.js'
import type { Principal } from '../auth/types.js'
import { sendProblem } from '../problems/render.js'
import type { RegisteredService } from '../services/types.js'
import { Tunnel, type Upgrades } from './accept-upgrades.js'
import { createAnswerHeaders } from './answer-headers.js'
import { Exchange, type ExchangeContext } from './exchange.js'
import type { OpenCalls } from './open-calls.js'
import { BodyTooLarge, hasBody, RequestBody } from './request-body.js'
import { createRequestHeaders, type RequestHeaderOptions } from './request-headers.js'
import { buildPath, findTarget, type TargetPools } from './targets.js'

/** The headers that tell a service who is calling. */
export type Identity = Readonly<Record<string, string>>

/** Null: nobody who had to say so. */
export type DescribeCaller = (principal: Principal | null, serviceId: string) => Identity | Promise<Identity>

/** Carries the exchange through reply-from to the one place where it meets undici. */
const carried = Symbol('exchange')

/** What a call is made of beside its exchange. */
interface Call {
  readonly exchange: Exchange
  readonly identity: Identity
}

type Send = (call: Call, upgrade: 'websocket' | null) => void

export interface ForwardOptions {
  describeCaller: DescribeCaller
  headerPrefix: string
  ownCookies: readonly string[]
  send: Send
  openCalls: OpenCalls
  upgrades: Upgrades
}

/** Sends on what came past the door: through reply-from, or as a WebSocket. */
export function createForward(options: ForwardOptions) {
  const { describeCaller, headerPrefix, ownCookies, send, openCalls, upgrades } = options
  const context: ExchangeContext = {
    answerHeaders: createAnswerHeaders({ headerPrefix, ownCookies }),
    proxyLatencyHeader: `${headerPrefix.toLowerCase()}-proxy-latency`,
    upstreamLatencyHeader: `${headerPrefix.toLowerCase()}-upstream-latency`,
    ended: (exchange) => openCalls.delete(exchange),
  }

  return (request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    // The door lets nobody pass without one.
    const service = request.service as RegisteredService
    const wanted = upgrades.get(request.raw)
    const exchange =
      wanted === undefined
        ? new Exchange(request, reply, service, context)
        : new Tunnel(wanted, request, reply, service, context)
    openCalls.add(exchange)
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
export function createTransport(send: Send): Dispatcher['request'] {
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

export interface SenderOptions extends Omit<RequestHeaderOptions, 'scheme'> {
  publicUrl: string
}

/**
 * Makes what brings a call to its target: the one meeting with undici.
 * @param waiting requests whose clients send no body until they are told to
 */
export function createSender(
  pools: TargetPools,
  waiting: WeakSet<IncomingMessage>,
  options: SenderOptions,
): Send {
  const scheme = new URL(options.publicUrl).protocol.replace(':', '')
  const makeHeaders = createRequestHeaders({ ...options, scheme })

  return ({ exchange, identity }, upgrade) => {
    const { raw, id: requestId, principal, presented, credentialInPath = null } = exchange.request
    const { descriptor } = exchange.service
    const target = findTarget(exchange.service)
    const { hiddenPrefix } = target
    // Null: a preflight, which nobody had to prove anything for.
    const forwarded =
      principal === null ? null : decideForwarded(presented, principal.via, descriptor.forward_authorization)
    const letSend = () => {
      if (waiting.has(raw)) exchange.letSend()
    }
    pools.get(target.origin).dispatch(
      {
        path: buildPath(target, raw.url ?? '/'),
        // Node's parser has let it through; undici's type names the common ones.
        method: raw.method as Dispatcher.HttpMethod,
        headers: makeHeaders({
          ...{ message: raw, requestId, forwarded, identity, hiddenPrefix },
          hiddenCredential: credentialInPath,
          isCredentialGood: presented === 'link' || presented === 'path',
        }),
        body: hasBody(raw) ? new RequestBody(raw, descriptor.max_body_bytes, letSend) : null,
        headersTimeout: descriptor.timeout_ms,
        bodyTimeout: 0,
        upgrade,
      },
      exchange,
    )
  }
}
