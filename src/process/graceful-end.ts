import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { type Socket, Server as TcpServer } from 'node:net'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'

/** In which a connection in use has its next request, whose answer says that it is the last. */
const lastAnswerMs = 500
/** Time for the rest of a head that has begun. */
const headMs = 2000
/** Time for all requests. The rest of the 20 s belongs to the counters and the database. */
const requestsMs = 13_000
/** Time to accept the connections that the kernel holds, under any load. */
const acceptLimitMs = 5000
const quietTurns = 2

/** The end of a server, in its steps; the close of the server is the last of them. */
export interface ServerEnd {
  /** From now on each answer says `Connection: close`; everything is served. */
  announce(): void
  /** Stops listening as soon as Node has taken all connections that the kernel has accepted. */
  stopListening(): Promise<void>
}

/** Prepares the end of a server: no request that was sent is cut off. */
export function endConnectionsAtClose(app: FastifyInstance): ServerEnd {
  let ended = Promise.resolve()
  let begunAt: number | null = null
  const connections = followConnections(app.server)
  app.addHook('preClose', () => {
    const deadline = (begunAt ?? performance.now()) + requestsMs
    return endConnections(app.server, connections.open, { ended, deadline })
  })
  return {
    announce: connections.announceEnd,
    stopListening: async () => {
      if (!app.server.listening) return
      begunAt = performance.now()
      await emptyAcceptQueue(app.server)
      ended = closeListener(app.server)
    },
  }
}

/**
 * Resolves when the kernel holds no connection of this server that Node has not accepted. Closing the listener resets
 * such connections, and their requests may have been sent.
 */
async function emptyAcceptQueue(server: Server): Promise<void> {
  let isQuiet = false
  const note = () => {
    isQuiet = false
  }
  refuseNewConnections(server)
  server.on('connection', note)
  const end = performance.now() + acceptLimitMs
  // Node accepts one connection in each turn of its loop.
  for (let quiet = 0; quiet < quietTurns && performance.now() < end; quiet = isQuiet ? quiet + 1 : 0) {
    isQuiet = true
    await nextTurn()
  }
  server.off('connection', note)
}

/**
 * Makes the kernel ignore new connections, which their clients try again, while it keeps those that it has accepted.
 * Node has no function for it: a second `listen` on the handle sets the length of the queue.
 */
function refuseNewConnections(server: Server): void {
  const { _handle: handle } = server as Server & { _handle?: { listen?: (backlog: number) => number } }
  handle?.listen?.(0)
}

/** @returns resolves when the last connection has ended too */
function closeListener(server: Server): Promise<void> {
  // Of the TCP server alone: HTTP's would also close the connections on which a request is just on its way.
  return new Promise((resolve) => TcpServer.prototype.close.call(server, () => resolve()))
}

/**
 * Ends connections in three steps: idle ones, after the last answer of those in use; then those without a whole
 * request; at the deadline, all the others. A slow client must not keep the process from closing its database.
 */
async function endConnections(
  server: Server,
  connections: ReadonlyMap<Socket, ServerResponse | null>,
  { ended, deadline }: { ended: Promise<void>; deadline: number },
): Promise<void> {
  await Promise.race([ended, sleep(lastAnswerMs)])
  server.closeIdleConnections()
  // Browsers open some ahead: to Node one that nothing was ever said on is not idle.
  endThose(connections, (socket) => socket.bytesRead === 0)
  await Promise.race([ended, sleep(headMs)])
  endThose(connections, (_socket, response) => response === null || response.writableFinished)
  await Promise.race([ended, sleep(Math.max(0, deadline - performance.now()), null, { ref: false })])
  endThose(connections, () => true)
  await ended
}

function endThose(
  connections: ReadonlyMap<Socket, ServerResponse | null>,
  isEnded: (socket: Socket, response: ServerResponse | null) => boolean,
): void {
  for (const [socket, response] of connections) if (isEnded(socket, response)) socket.destroy()
}

/** Follows the connections of a server and the latest answer of each, which alone may say that it is the last. */
function followConnections(server: Server) {
  const open = new Map<Socket, ServerResponse | null>()
  let isEnding = false
  server.on('connection', (socket: Socket) => {
    open.set(socket, null)
    socket.once('close', () => open.delete(socket))
  })
  const note = ({ socket }: IncomingMessage, response: ServerResponse) => {
    const previous = open.get(socket)
    if (previous === undefined) return
    open.set(socket, response)
    if (!isEnding) return
    // Its client has sent another request behind it: the answer to that one is the last.
    if (previous !== null && !previous.headersSent) previous.shouldKeepAlive = true
    response.shouldKeepAlive = false
  }
  // Ahead of Fastify's own listener, which may answer at once.
  server.prependListener('request', note)
  if (server.listenerCount('checkContinue') > 0) server.prependListener('checkContinue', note)
  return {
    open,
    announceEnd: () => {
      isEnding = true
      for (const response of open.values()) if (response !== null) response.shouldKeepAlive = false
    },
  }
}
