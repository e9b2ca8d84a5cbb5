import type { Server } from 'node:http'
import { type Socket, Server as TcpServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'

/** In which a connection in use has its next request, whose answer says that it is the last. */
const lastAnswerMs = 500

/**
 * Prepares the end of a server: no request that is under way is cut off.
 * @returns stops listening; the close that follows waits for the last connection
 */
export function endConnectionsAtClose(app: FastifyInstance): () => void {
  let ended = Promise.resolve()
  const connections = followConnections(app.server)
  app.addHook('preClose', () => endConnections(app.server, connections, ended))
  return () => {
    ended = stopListening(app.server)
  }
}

/** @returns resolves when the last connection has ended too */
function stopListening(server: Server): Promise<void> {
  // Of the TCP server alone: HTTP's would also close the connections on which a request is just on its way.
  return new Promise((resolve) => TcpServer.prototype.close.call(server, () => resolve()))
}

/** Ends connections between two requests: while it closes, Fastify answers with `Connection: close`. */
async function endConnections(
  server: Server,
  connections: ReadonlySet<Socket>,
  ended: Promise<void>,
): Promise<void> {
  await Promise.race([ended, sleep(lastAnswerMs)])
  server.closeIdleConnections()
  // Browsers open some ahead: to Node one that nothing was ever said on is not idle.
  for (const socket of connections) if (socket.bytesRead === 0) socket.destroy()
  await ended
}

function followConnections(server: Server): ReadonlySet<Socket> {
  const connections = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    connections.add(socket)
    socket.once('close', () => connections.delete(socket))
  })
  return connections
}
