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

/** Watches clients. A client owes a body only while the body is read: at other times, the client waits for us. */
function watchClients({ server }: FastifyInstance, stalled: StalledConnections): void {
  const latest = new WeakMap<Socket, IncomingMessage>()
  server.on('connection', (socket: Socket) => {
    const isBodyDue = () => {
      const message = latest.get(socket)
      return message?.complete === false && message.readableFlowing === true
    }
    // A reset, because after an ordinary end the kernel holds megabytes for a peer that takes none.
    stalled.watch({ socket, isBodyDue, end: () => socket.resetAndDestroy() })
  })
  const note = (message: IncomingMessage) => void latest.set(message.socket, message)
  server.on('request', note)
  // Node answers 100 itself as long as this event has no listener, so add none but beside another.
  if (server.listenerCount('checkContinue') > 0) server.on('checkContinue', note)
}
