import type { Socket } from 'node:net'

/** Fewer bytes than this within the time limit count as none. */
const minBytes = 600
const [maxTickMs, ticksPerLimit] = [1000, 8]

export interface WatchedConnection {
  socket: Socket
  /** Whether the other side owes us a part of a body now. */
  isBodyDue: () => boolean
  /** Ends the connection. */
  end: () => void
}

/** One direction of a connection: how many bytes had moved when its time began. */
class Direction {
  #since = 0
  #moved = 0

  /** @returns whether bytes have waited for longer than the limit, and next to none of them moved */
  isStalled(isWaiting: boolean, moved: number, now: number, limitMs: number): boolean {
    if (!isWaiting || moved - this.#moved >= minBytes || this.#since === 0) {
      this.#since = now
      this.#moved = moved
    }
    return now - this.#since > limitMs
  }
}

/**
 * Ends connections on which bytes or a body are due and next to none move, in both directions. A side that has nothing
 * to take or to send, as between two events of a stream, may be silent for as long as it wants.
 */
export class StalledConnections {
  readonly #tickMs: number
  readonly #watched = new Map<Socket, WatchedConnection & { out: Direction; in: Direction }>()
  #timer: NodeJS.Timeout | undefined
  #checkedAt = 0
  /** Milliseconds in which this process could serve its connections. */
  #servedMs = 1

  /** @param limitMs in which fewer than 600 bytes are a standstill */
  constructor(private readonly limitMs: number) {
    this.#tickMs = Math.min(maxTickMs, limitMs / ticksPerLimit)
  }

  watch(connection: WatchedConnection): void {
    const { socket } = connection
    if (socket.destroyed || this.#watched.has(socket)) return
    this.#watched.set(socket, { ...connection, out: new Direction(), in: new Direction() })
    socket.once('close', () => this.#watched.delete(socket))
  }

  start(): void {
    this.#checkedAt = performance.now()
    this.#timer = setInterval(() => this.#checkAll(performance.now()), this.#tickMs).unref()
  }

  close(): void {
    clearInterval(this.#timer)
  }

  #checkAll(checkedAt: number): void {
    // A process that was stopped or blocked has moved no bytes either: the other sides are not to blame for that time.
    this.#servedMs += Math.min(checkedAt - this.#checkedAt, 2 * this.#tickMs)
    this.#checkedAt = checkedAt
    const now = this.#servedMs
    for (const connection of this.#watched.values()) {
      const { socket, out, in: incoming } = connection
      const isRefused = out.isStalled(socket.writableLength > 0, countTaken(socket), now, this.limitMs)
      const isSilent = incoming.isStalled(connection.isBodyDue(), socket.bytesRead, now, this.limitMs)
      if (isRefused || isSilent) connection.end()
    }
  }
}

/** Counters of a connection that Node does not document. */
interface Handle {
  bytesWritten?: number
  writeQueueSize?: number
}

/**
 * Counts the bytes that the other side has taken, as far as the kernel tells. Without the handle, a large write counts
 * only when all of it is taken.
 */
function countTaken(socket: Socket): number {
  const { _handle: handle } = socket as Socket & { _handle?: Handle | null }
  const { bytesWritten: written, writeQueueSize: queued } = handle ?? {}
  if (typeof written === 'number' && typeof queued === 'number') return written - queued
  return socket.bytesWritten - socket.writableLength
}
