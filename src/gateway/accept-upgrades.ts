import { type IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import { hasBody } from '../connections/has-body.js'
import { answerBrokenRequest } from '../problems/broken-requests.js'

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
    else destroyAtEnd(socket)
    // Node reads no body of a request with `Upgrade`: it would be taken for the beginning of the other protocol.
    if (hasBody(request)) answerBrokenRequest.call(app, new Error('An upgrade with a body'), socket)
    // As Node does with any other request, because not only Fastify follows the answers of a connection.
    else app.server.emit('request', request, response)
  })
  app.server.on('connect', (_request: IncomingMessage, stream: Duplex) => {
    // As above.
    const socket = stream as Socket
    socket.on('error', () => socket.destroy())
    answerBrokenRequest.call(app, new Error('CONNECT'), socket)
  })
  return upgrades
}

export const isWebSocket = ({ method, headers }: Pick<IncomingMessage, 'method' | 'headers'>): boolean =>
  method === 'GET' && headers.upgrade?.toLowerCase() === 'websocket'

/**
 * Destroys a connection when its client ends it, because Node reads no more of an upgraded one. What the client says
 * until then is discarded: it is answered in HTTP.
 */
export function destroyAtEnd(socket: Socket): void {
  socket.once('end', () => socket.destroy()).resume()
}
