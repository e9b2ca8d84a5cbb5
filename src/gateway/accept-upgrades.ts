import { type IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import { answerBrokenRequest } from '../problems/broken-requests.js'
import { Exchange } from './exchange.js'
import { hasBody } from './request-body.js'

/** A connection whose client wants to speak WebSocket on it. */
export interface WantedUpgrade {
  readonly socket: Socket
  /** What the client has said already. */
  readonly head: Buffer
}

/** Node's own mark of the answer that is being written to a connection. */
type ServedSocket = Socket & { _httpMessage?: ServerResponse | null }

export type Upgrades = WeakMap<IncomingMessage, WantedUpgrade>

/**
 * Takes upgrades through the same road as every request, so that the same check guards them. Only WebSocket is one
 * here: whoever offers another protocol, as h2c, is answered in HTTP/1.1, as RFC 9110 §7.8 allows.
 * @returns those that are on the road
 */
export function acceptUpgrades(app: FastifyInstance): Upgrades {
  const upgrades: Upgrades = new WeakMap()

  app.server.on('upgrade', (request: IncomingMessage, stream: Duplex, head: Buffer) => {
    // Node's server gives sockets; the type says less.
    const socket = stream as ServedSocket
    socket.on('error', () => socket.destroy())
    // Sent behind a request that is not answered yet: the answer to that one has the connection, and may be endless.
    if (socket._httpMessage) return void socket.destroy()
    const response = new ServerResponse(request)
    response.shouldKeepAlive = false
    response.assignSocket(socket)
    response.once('finish', () => socket.destroySoon())
    if (isWebSocket(request)) upgrades.set(request, { socket, head })
    else endWithClient(socket)
    // Node reads no body of a request with `Upgrade`: it would be taken for the beginning of the other protocol.
    if (hasBody(request)) answerBrokenRequest.call(app, new Error('An upgrade with a body'), socket)
    else app.routing(request, response)
  })
  app.server.on('connect', (_request: IncomingMessage, stream: Duplex) => {
    const socket = stream as Socket
    socket.on('error', () => socket.destroy())
    answerBrokenRequest.call(app, new Error('CONNECT'), socket)
  })
  return upgrades
}

/** Node reads no more of it, and would never see its end; it is answered in HTTP, so what it says is for nobody. */
const endWithClient = (socket: Socket) => void socket.once('end', () => socket.destroy()).resume()

const isWebSocket = ({ method, headers }: IncomingMessage): boolean =>
  method === 'GET' && headers.upgrade?.toLowerCase() === 'websocket'

/** A WebSocket between client and service; their frames pass as they are. */
export class Tunnel extends Exchange {
  #upstream: Duplex | null = null

  constructor(
    private readonly wanted: WantedUpgrade,
    ...rest: ConstructorParameters<typeof Exchange>
  ) {
    super(...rest)
  }

  onUpgrade(_statusCode: number, rawHeaders: Buffer[] | string[] | null, upstream: Duplex): void {
    if (this.isEnded) return void upstream.destroy()
    this.#upstream = upstream
    const { socket, head } = this.wanted
    this.noteHead(101)
    // The headers are bytes wherever undici's own parser has read them.
    const headers = this.makeHeaders((rawHeaders ?? []) as Buffer[])
    this.reply.hijack()
    this.reply.raw.detachSocket(socket)
    const lines = ['HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', 'Upgrade: websocket']
    for (let at = 0; at < headers.length; at += 2) lines.push(`${headers[at]}: ${headers[at + 1]}`)
    socket.setTimeout(0)
    socket.setNoDelay(true)
    socket.write(`${lines.join('\r\n')}\r\n\r\n`, 'latin1')
    if (head.length > 0) upstream.write(head)
    this.#join(socket, upstream)
  }

  #join(socket: Socket, upstream: Duplex): void {
    const end = () => {
      socket.destroy()
      upstream.destroy()
      this.#finish()
    }
    for (const side of [socket, upstream]) side.on('error', end).on('close', end)
    socket.pipe(upstream)
    upstream.pipe(socket)
  }

  /** The service has refused it, and answers as to any other request. */
  override answer(): void {
    endWithClient(this.wanted.socket)
    super.answer()
  }

  #finish(): void {
    if (this.isEnded) return
    this.close()
    const { request, service } = this
    request.log.info(
      { req: request, service: service.descriptor.id, ms: Math.round(performance.now() - this.startedAt) },
      'a WebSocket ended',
    )
  }

  override cut(): void {
    this.#upstream?.destroy()
    this.wanted.socket.destroy()
    super.cut()
  }
}
