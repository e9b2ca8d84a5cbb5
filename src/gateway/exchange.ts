import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { type Dispatcher, errors } from 'undici'
import type { StalledConnections } from '../connections/stalled.js'
import { summarizeError } from '../log/errors.js'
import type { RegisteredService } from '../services/types.js'
import { type MakeAnswerHeaders, type RawHeaders, readTrailers } from './answer-headers.js'
import type { TargetConnection } from './target-client.js'

/** Up to here, copying a body into the string of its head costs less than writing two buffers (measured). */
const maxJoinedBytes = 4096

/** What an exchange needs of the gateway. */
export interface ExchangeContext {
  makeAnswerHeaders: MakeAnswerHeaders
  /** In small letters. */
  proxyLatencyHeader: string
  upstreamLatencyHeader: string
  stalled: Pick<StalledConnections, 'watch'>
  /** Called once, however the exchange ended. */
  onEnd: (exchange: Exchange) => void
}

/** The service answered with a status that HTTP does not have. */
class InvalidStatus extends Error {
  override readonly name = 'InvalidStatus'
}

/** The service took nothing of the request's body, or sent nothing of its answer's. */
class ServiceStalled extends Error {
  override readonly name = 'ServiceStalled'
  readonly code = 'ETIMEDOUT'
}

/**
 * One request on its way to its service and the answer on its way back. It is undici's handler of the call and
 * writes each part to the client as it comes, so that it never holds more than one chunk of a body.
 */
export class Exchange implements Dispatcher.DispatchHandler {
  /** The protocol that undici asks the service to switch to. */
  readonly upgrade: 'websocket' | null = null
  readonly startedAt = performance.now()
  isEnded = false
  /** Its index among the open calls, which alone use it. */
  place = -1
  #state: 'idle' | 'waiting' | 'answering' | 'answered' = 'idle'
  #sentAt = 0
  #reportFailure: (error: Error) => void = () => {}
  #controller: Dispatcher.DispatchController | null = null
  #connection: TargetConnection | null = null
  /** As the service's head tells it; NaN: it does not. */
  #bodyLength = Number.NaN
  #isHeadSent = false

  constructor(
    readonly request: FastifyRequest,
    protected readonly reply: FastifyReply,
    readonly service: RegisteredService,
    private readonly context: ExchangeContext,
  ) {
    reply.raw.once('close', () => this.close())
  }

  /**
   * To be called before each attempt.
   * @param reportFailure called once if the service gives no answer, while the client can still be told
   */
  begin(reportFailure: (error: Error) => void): void {
    this.#reportFailure = reportFailure
    this.#controller = null
    this.#state = 'waiting'
    this.#sentAt = performance.now()
  }

  /** Ends it at once by closing the connections, so that the client cannot take a part for the whole. */
  cut(): void {
    this.close()
    this.reply.raw.destroy()
  }

  /** Sends the `100 Continue` that a client waits for before it sends its body. */
  sendContinue(): void {
    if (!this.reply.raw.headersSent && !this.isEnded) this.reply.raw.writeContinue()
  }

  /**
   * Whether the client has gone without a word: only the first of the answers that one connection waits for is told of
   * its end.
   */
  isAbandoned(): boolean {
    return this.request.raw.socket.destroyed
  }

  takeConnection(connection: TargetConnection): void {
    this.#connection = connection
  }

  /** Whether the call was sent on a kept connection and not a byte came back: the service may have closed it just then. */
  isUnansweredOnReused(): boolean {
    return this.#controller !== null && this.#connection?.isReused === true && !this.#connection.hasAnswered
  }

  /** Fails when no connection came about within the service's time limit, which undici counts only from there. */
  giveUpConnecting(now: number): void {
    const { timeout_ms: limitMs } = this.service.descriptor
    if (this.#controller !== null || this.#state !== 'waiting' || now - this.#sentAt <= limitMs) return
    this.#fail(new errors.ConnectTimeoutError())
  }

  /** Whether the service owes a part of a body whose length it has told, and the client takes it. */
  isBodyDue(): boolean {
    return this.#state === 'answering' && this.#bodyLength > 0 && !this.reply.raw.writableNeedDrain
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    this.#beginConnection()
    // The client left, or has been told that the service cannot be reached, before there was a connection.
    if (this.isEnded || this.#state !== 'waiting') this.#abort()
  }

  #beginConnection(): void {
    const connection = this.#connection
    connection?.begin(this)
    const socket = connection?.socket ?? null
    if (connection === null || socket === null || connection.isReused) return
    this.context.stalled.watch({
      socket,
      // A WebSocket keeps its socket, and the next call gets another one.
      isBodyDue: () => connection.socket === socket && connection.call?.isBodyDue() === true,
      end: () => socket.destroy(new ServiceStalled('The service stands still')),
    })
  }

  /** An error that is thrown here aborts the call, and undici reports it to `onResponseError`. */
  onResponseStart(
    controller: Dispatcher.DispatchController,
    statusCode: number,
    headers: IncomingHttpHeaders,
    statusText = '',
  ): void {
    // An interim answer; the final one follows.
    if (statusCode < 200) return
    if (statusCode > 599) throw new InvalidStatus(`The service answered with status ${statusCode}`)
    const own = this.reply.getHeaders()
    // The rest of the body that nobody reads would be taken for the next request.
    if (!this.request.raw.complete) own.connection = 'close'
    const { raw } = this.reply
    raw.writeHead(statusCode, cleanReason(statusText), this.makeHeaders(controller.rawHeaders, own))
    this.startAnswer()
    this.#bodyLength = Number(headers['content-length'])
    // A body mostly comes along with its head, and then both leave together; but a stream of events may be silent.
    process.nextTick(() => this.#sendHead())
  }

  /** From now on the client reads the service's answer, so that no problem can be sent any more. */
  protected startAnswer(): void {
    this.reply.hijack()
    this.#state = 'answering'
  }

  #sendHead(): void {
    const { raw } = this.reply
    if (!this.#isHeadSent && !raw.writableEnded && !raw.destroyed) raw.flushHeaders()
    this.#isHeadSent = true
  }

  /** The service's own headers with the gateway's, names and values in turn. */
  protected makeHeaders(raw: RawHeaders, own = this.reply.getHeaders()): string[] {
    const { makeAnswerHeaders, proxyLatencyHeader, upstreamLatencyHeader } = this.context
    own[proxyLatencyHeader] = String(Math.round(this.#sentAt - this.startedAt))
    own[upstreamLatencyHeader] = String(Math.round(performance.now() - this.#sentAt))
    return makeAnswerHeaders(raw, own)
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    const { raw } = this.reply
    const isWhole = !this.#isHeadSent && chunk.length === this.#bodyLength && chunk.length <= maxJoinedBytes
    this.#isHeadSent = true
    // Node joins a head and a string into one write, but not a head and a buffer. In Latin-1 each byte is a character.
    const hasRoom = isWhole ? raw.write(chunk.toString('latin1'), 'latin1') : raw.write(chunk)
    if (hasRoom) return
    controller.pause()
    raw.once('drain', this.#resume)
  }

  readonly #resume = () => this.#controller?.resume()

  onResponseEnd({ rawTrailers }: Dispatcher.DispatchController): void {
    const { raw } = this.reply
    const trailers = readTrailers(rawTrailers)
    if (trailers.length > 0) raw.addTrailers(trailers)
    // After the write of this tick, because the end of a body of a told length would add an empty buffer to it.
    if (this.#isHeadSent && this.#bodyLength > 0) process.nextTick(end, raw)
    else raw.end()
    this.#state = 'answered'
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    // The gateway has ended the call itself.
    if (this.isEnded) return
    if (this.#state === 'waiting') return void this.#fail(error)
    if (this.#state !== 'answering') return
    this.request.log.warn(
      { fault: summarizeError(error), service: this.service.descriptor.id },
      'an answer broke off',
    )
    // Without its end: a client must not take it for the whole.
    this.reply.raw.destroy()
  }

  #fail(error: Error): void {
    this.#state = 'idle'
    this.#reportFailure(error)
  }

  protected close(): void {
    if (this.isEnded) return
    this.isEnded = true
    this.context.onEnd(this)
    if (this.#state !== 'answered') this.#abort()
  }

  #abort(): void {
    this.#controller?.abort(new errors.RequestAbortedError())
  }
}

const end = (raw: ServerResponse) => void raw.end()

/** Undici reads a reason as UTF-8: its bytes, each one character, without what Node refuses to write. */
const cleanReason = (text: string) =>
  plainReason.test(text)
    ? text
    : Buffer.from(text)
        .toString('latin1')
        .replace(/[^\t\x20-\x7e\x80-\xff]/g, '?')

const plainReason = /^[\x20-\x7e]*$/
