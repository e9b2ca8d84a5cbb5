import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Principal } from '../auth/types.js'
import { hasBody } from '../connections/has-body.js'
import type { StalledConnections } from '../connections/stalled.js'
import { summarizeError } from '../log/errors.js'
import { sendProblem } from '../problems/render.js'
import type { RegisteredService } from '../services/types.js'
import type { Upgrades } from './accept-upgrades.js'
import { createAnswerHeaders } from './answer-headers.js'
import { Exchange, type ExchangeContext } from './exchange.js'
import type { OpenCalls } from './open-calls.js'
import { BodyTooLarge } from './request-body.js'
import type { Identity, Send } from './send.js'
import { Tunnel } from './tunnel.js'

/** Null: nobody who had to say so. */
export type DescribeCaller = (principal: Principal | null, serviceId: string) => Identity | Promise<Identity>

export interface ForwardOptions {
  describeCaller: DescribeCaller
  headerPrefix: string
  ownCookies: readonly string[]
  send: Send
  openCalls: OpenCalls
  stalled: Pick<StalledConnections, 'watch'>
  upgrades: Upgrades
}

/** Returns the route's handler: it sends an admitted request to its service, as a call or as a WebSocket. */
export function createForward(options: ForwardOptions) {
  const { describeCaller, headerPrefix, ownCookies, send, openCalls, stalled, upgrades } = options
  const context: ExchangeContext = {
    makeAnswerHeaders: createAnswerHeaders({ headerPrefix, ownCookies }),
    proxyLatencyHeader: `${headerPrefix.toLowerCase()}-proxy-latency`,
    upstreamLatencyHeader: `${headerPrefix.toLowerCase()}-upstream-latency`,
    stalled,
    onEnd: (exchange) => openCalls.delete(exchange),
  }

  return (request: FastifyRequest, reply: FastifyReply): void => {
    const exchange = openExchange(request, reply)
    openCalls.add(exchange)
    const identity = describeCaller(request.principal, exchange.service.descriptor.id)
    if (identity instanceof Promise) {
      identity.then((known) => forward(exchange, known, reply)).catch((error) => reply.send(error))
    } else forward(exchange, identity, reply)
  }

  function openExchange(request: FastifyRequest, reply: FastifyReply): Exchange {
    // Only requests whose service is known are admitted.
    const service = request.service as RegisteredService
    const upgrade = upgrades.get(request.raw)
    return upgrade === undefined
      ? new Exchange(request, reply, service, context)
      : new Tunnel(upgrade, request, reply, service, context)
  }

  function forward(exchange: Exchange, identity: Identity, reply: FastifyReply): void {
    const answer = (error: Error) => answerFailure(exchange, error, reply)
    const retry = () => {
      if (!exchange.isEnded) send(exchange, identity, answer)
    }
    send(exchange, identity, (error) => {
      if (canRetry(exchange, error)) setTimeout(retry, retryDelayMs)
      else answer(error)
    })
  }
}

/** Enough for the pool to notice which other kept connections the service has closed. */
const retryDelayMs = 1
const retriedMethods = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE'])
const closedConnection = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE'])

/**
 * Whether the request may be sent once more: the service may have closed a kept connection just as it was used again.
 * Only a method that changes nothing, and only while no byte of an answer came.
 */
function canRetry(exchange: Exchange, { code }: NodeJS.ErrnoException): boolean {
  const { isEnded, request } = exchange
  if (isEnded || !retriedMethods.has(request.method) || hasBody(request.raw)) return false
  return closedConnection.has(code ?? '') && exchange.isUnansweredOnReused()
}

const timeouts = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_CONNECT_TIMEOUT', 'ETIMEDOUT'])

function answerFailure(
  { request, service }: Exchange,
  error: NodeJS.ErrnoException,
  reply: FastifyReply,
): void {
  if (error instanceof BodyTooLarge) return void sendProblem(reply, 'payload_too_large')
  request.log.warn(
    { fault: summarizeError(error), service: service.descriptor.id },
    'a service gave no answer',
  )
  sendProblem(reply, timeouts.has(error.code ?? '') ? 'gateway_timeout' : 'bad_gateway')
}
