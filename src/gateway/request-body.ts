import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'

/** The body is larger than the service takes. */
export class BodyTooLarge extends Error {
  override readonly name = 'BodyTooLarge'
}

/** The client went away in the middle of its body. */
export class BodyBrokenOff extends Error {
  override readonly name = 'BodyBrokenOff'
}

/**
 * The body of a request on its way to the service, counted. Not the request itself, which undici would destroy with
 * the connection behind it when a service answers before it has read everything.
 */
export class RequestBody extends Readable {
  #left: number
  #onFirstRead: (() => void) | null

  /**
   * @param maxBytes null: any
   * @param onFirstRead called once, when the service begins to read: a client that waits may send now
   */
  constructor(
    private readonly source: IncomingMessage,
    maxBytes: number | null,
    onFirstRead: () => void,
  ) {
    super()
    // Undici listens too, but only from the dispatch on.
    this.on('error', () => {})
    this.#left = maxBytes ?? Number.POSITIVE_INFINITY
    this.#onFirstRead = onFirstRead
  }

  /**
   * Begins to read from the client, and calls back just before the first bytes are passed on, or the end. Undici sends
   * the head of a request along with the first bytes of its body: a connection that was taken before would stay silent,
   * and its service could close it.
   */
  whenReady(callback: () => void): void {
    let isCalled = false
    const callOnce = () => {
      if (!isCalled) callback()
      isCalled = true
    }
    this.#onFirstRead = null
    this.source.once('data', callOnce).once('end', callOnce)
    this.#listen()
    this.source.resume()
  }

  override _read(): void {
    if (this.#onFirstRead !== null) {
      const onFirstRead = this.#onFirstRead
      this.#onFirstRead = null
      onFirstRead()
      this.#listen()
    }
    this.source.resume()
  }

  #listen(): void {
    this.source
      .on('data', (chunk: Buffer) => this.#pass(chunk))
      .on('end', () => this.push(null))
      .on('close', () => {
        if (!this.source.complete) this.destroy(new BodyBrokenOff())
      })
  }

  #pass(chunk: Buffer): void {
    this.#left -= chunk.length
    if (this.#left < 0) this.destroy(new BodyTooLarge())
    else if (!this.destroyed && !this.push(chunk)) this.source.pause()
  }
}
