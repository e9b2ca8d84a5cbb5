import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { type Socket, Server as TcpServer } from 'node:net'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'

const lookEveryMs = 100
/**
 * An idle connection ends after so many looks, which take 0.5 s. A connection in use has its next request in this
 * time, and the answer says that it is the last.
 */
const idleLooks = 5
/** The same for a connection whose next request has begun. It needs time for the rest of the head. */
const headLooks = 25
/** Time for all requests. The rest of the 20 s belongs to the counters and the database. */
const requestsMs = 10_000
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

/** Prepares the end of a server: no request that was sent is cut off before the time for all requests is over. */
export function endConnectionsAtClose(app: FastifyInstance): ServerEnd {
  const { server } = app
  const { open, announceEnd } = followConnections(server)
  let ended = Promise.resolve()
  let begunAt = 0
  let stopping: Promise<void> | undefined
  const stop = async () => {
    begunAt = performance.now()
    await emptyAcceptQueue(server)
    ended = closeListener(server)
  }
  const stopListening = async () => {
    if (server.listening) stopping ??= stop()
    await stopping
  }
  app.addHook('preClose', async () => {
    announceEnd()
    await stopListening()
    await endConnections(open, { ended, deadline: begunAt + requestsMs })
  })
  return { announce: announceEnd, stopListening }
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

/** What the end knows of a connection. */
interface Connection {
  /** The answer to the latest request, which alone may say that it is the last; null: no request came yet. */
  response: ServerResponse | null
  /** How many looks in a row have found no request under way. */
  quietLooks: number
}

/**
 * Ends each connection once it has no request under way for some looks, and all connections at the deadline. A slow
 * client must not keep the process from closing its database.
 */
async function endConnections(
  connections: ReadonlyMap<Socket, Connection>,
  { ended, deadline }: { ended: Promise<void>; deadline: number },
): Promise<void> {
  let hasEnded = false
  const end = ended.then(() => {
    hasEnded = true
  })
  await nextTurn()
  while (!hasEnded && performance.now() < deadline) {
    await Promise.race([end, sleep(lookEveryMs)])
    for (const [socket, connection] of connections) if (isOver(socket, connection)) socket.destroy()
  }
  for (const socket of connections.keys()) socket.destroy()
  await ended
}

/**
 * Looks at a connection, and returns whether to end it. Looks are counted, and not time, because a busy process has not
 * yet read what the kernel holds for it.
 */
function isOver(socket: Socket, connection: Connection): boolean {
  const { response } = connection
  // An answer is under way until the client has taken all of it. The answer of a WebSocket has no end.
  const isInUse = response !== null && !response.writableFinished
  connection.quietLooks = isInUse ? 0 : connection.quietLooks + 1
  return connection.quietLooks >= (hasBegunRequest(socket) ? headLooks : idleLooks)
}

/** Node's parser of a connection; null once the connection is a WebSocket. Node does not document it. */
type ParsedSocket = Socket & { parser?: { duration?(): number } | null }

/** Whether a part of a request has come behind the latest one. */
function hasBegunRequest(socket: ParsedSocket): boolean {
  // Browsers open some connections ahead. Node takes the time since then for that of a request.
  if (socket.bytesRead === 0) return false
  return socket.parser?.duration?.() !== 0
}

/** Follows the connections of a server and the latest answer of each. */
function followConnections(server: Server) {
  const open = new Map<Socket, Connection>()
  let isEnding = false
  server.on('connection', (socket: Socket) => {
    open.set(socket, { response: null, quietLooks: 0 })
    socket.once('close', () => open.delete(socket))
  })
  const note = ({ socket }: IncomingMessage, response: ServerResponse) => {
    const connection = open.get(socket)
    if (connection === undefined) return
    const { response: previous } = connection
    connection.response = response
    if (!isEnding) return
    if (previous !== null && !previous.headersSent) keepAlive(previous)
    response.shouldKeepAlive = false
  }
  // Ahead of Fastify's own listener, which may answer at once.
  server.prependListener('request', note)
  if (server.listenerCount('checkContinue') > 0) server.prependListener('checkContinue', note)
  return {
    open,
    announceEnd: () => {
      isEnding = true
      for (const { response } of open.values()) if (response !== null) response.shouldKeepAlive = false
    },
  }
}

/** Makes an answer not the last one, because its client has sent another request behind it. */
function keepAlive(response: ServerResponse): void {
  response.shouldKeepAlive = true
  // Fastify has set it during the close. A route sets its headers on the reply, which still has them.
  response.removeHeader('connection')
}
