import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'

/** Calls in flight of one connection. A client that pipelines sends a few; more of them wait for these answers. */
const maxCalls = 4
/** A paused connection reads on after this time, because only reading shows that its client has gone. */
const pauseMs = 1000
const maxWaiting = 1000
const maxWaitMs = 30_000

/**
 * Bounds the calls in flight of each connection, so that pipelined calls on a few connections do not starve the others.
 * The calls beyond wait, and the connection is read no further meanwhile.
 */
export function limitCallsInFlight(app: FastifyInstance): void {
  const connections = new WeakMap<Socket, Connection>()
  app.addHook('onRequest', (request, reply, done) => {
    const { socket } = request.raw
    let connection = connections.get(socket)
    if (connection === undefined) {
      connection = new Connection(socket)
      connections.set(socket, connection)
    }
    reply.raw.once('close', connection.endCall)
    connection.admit(done)
  })
}

class Connection {
  #calls = 0
  #waiting: (() => void)[] = []
  #isPaused = false
  #endedAt = 0

  constructor(private readonly socket: Socket) {}

  /** Calls `proceed` at once, or when enough earlier calls have been answered. */
  admit(proceed: () => void): void {
    if (this.#calls < maxCalls) {
      this.#calls += 1
      proceed()
      return
    }
    if (this.#waiting.length === 0) this.#begin()
    this.#waiting.push(proceed)
    this.#pause()
  }

  readonly endCall = () => {
    // The answers of a connection close with it. Its waiting calls must not begin then.
    if (this.socket.destroyed) this.#drop()
    const next = this.#waiting.shift()
    if (next === undefined) {
      this.#calls -= 1
      return
    }
    this.#endedAt = performance.now()
    if (this.#waiting.length === 0) this.#resume()
    next()
  }

  /** Prepares for the first calls that wait. */
  #begin(): void {
    this.#endedAt = performance.now()
    this.socket.once('close', this.#drop)
    // Node reads on by itself after each answer.
    this.socket.on('resume', this.#keepPaused)
  }

  #pause(): void {
    if (this.#isPaused) return
    this.#isPaused = true
    this.socket.pause()
    setTimeout(() => this.#readOn(), pauseMs).unref()
  }

  #readOn(): void {
    if (!this.#isPaused || this.socket.destroyed) return
    if (this.#waiting.length < maxWaiting) {
      this.#isPaused = false
      this.socket.resume()
    } else if (performance.now() - this.#endedAt > maxWaitMs) this.socket.destroy()
    else setTimeout(() => this.#readOn(), pauseMs).unref()
  }

  #resume(): void {
    this.socket.off('close', this.#drop).off('resume', this.#keepPaused)
    if (!this.#isPaused) return
    this.#isPaused = false
    this.socket.resume()
  }

  readonly #keepPaused = () => {
    if (this.#isPaused) this.socket.pause()
  }

  readonly #drop = () => {
    this.#waiting = []
  }
}
