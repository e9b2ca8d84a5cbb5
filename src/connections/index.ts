import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { limitCallsInFlight } from './calls-in-flight.js'
import { endRefusedBodies } from './refused-bodies.js'
import type { StalledConnections } from './stalled.js'
import { refuseTransferCodings } from './transfer-coding.js'

/** Bounds what a client can do with its connections to a server; to be called before its other hooks are added. */
export function boundConnections(app: FastifyInstance, stalled: StalledConnections): void {
  watchClients(app, stalled)
  limitCallsInFlight(app)
  refuseTransferCodings(app)
  endRefusedBodies(app.server)
}

/** A client owes a body while somebody reads it: before, and while the reader is busy, the client waits for us. */
function watchClients({ server }: FastifyInstance, stalled: StalledConnections): void {
  const latest = new WeakMap<Socket, IncomingMessage>()
  server.on('connection', (socket: Socket) => {
    const isBodyDue = () => {
      const message = latest.get(socket)
      return message?.complete === false && message.readableFlowing === true
    }
    // By a reset, because the kernel would go on to hold megabytes for a peer that takes none.
    stalled.watch({ socket, isBodyDue, end: () => socket.resetAndDestroy() })
  })
  const note = (message: IncomingMessage) => void latest.set(message.socket, message)
  server.on('request', note).on('upgrade', note)
  // A listener changes what Node does, so that there is one only beside another.
  if (server.listenerCount('checkContinue') > 0) server.on('checkContinue', note)
}
