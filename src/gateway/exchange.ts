import type { ServerResponse } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { type Dispatcher, errors } from 'undici'
import type { RegisteredService } from '../services/types.js'
import { hasBody } from './request-body.js'

/** In which a client must send something more of its body. */
const maxStandstillMs = 60_000

/** What an exchange needs of the gateway. */
export interface ExchangeContext {
  /** The headers of an answer, as `createAnswerHeaders` makes them. */
  answerHeaders: (raw: readonly Buffer[], own: Readonly<Record<string, unknown>>) => string[]
  /** In small letters. */
  proxyLatencyHeader: string
  upstreamLatencyHeader: string
  /** It is over, however it ended. */
  ended: (exchange: Exchange) => void
}

type Settle = (error: Error | null) => void

/**
 * One request on its way to its service and the answer on its way back. It is undici's handler of the call and
 * writes to the client what comes, as it comes: nothing is kept, and nobody waits for a body to go on with its head.
 */
export class Exchange implements Dispatcher.DispatchHandler {
  readonly startedAt = performance.now()
  /** Why the service gave no answer. */
  failure: Error | null = null
  statusCode = 0
  isEnded = false
  /** Among the calls under way, which alone care. */
  place = -1
  #sentAt = 0
  #headAt = 0
  #settle: Settle | null = null
  #abort: ((error?: Error) => void) | null = null
  #resume: (() => void) | null = null
  #rawHeaders: readonly Buffer[] = []
  #statusText = ''
  #isConnected = false
  #hasHead = false
  #isComplete = false
  #bytesRead = -1
  #movedAt = 0

  constructor(
    readonly request: FastifyRequest,
    protected readonly reply: FastifyReply,
    readonly service: RegisteredService,
    private readonly context: ExchangeContext,
  ) {
    reply.raw.once('close', () => this.close())
  }

  /** @param settle called once: with an error, or when the head of the answer is there to be written */
  begin(settle: Settle): void {
    this.#settle = settle
    this.#isConnected = false
    this.#sentAt = performance.now()
  }

  /** Ends it at once, in the middle of whatever there is, so that nobody takes a part for the whole. */
  cut(): void {
    this.close()
    this.reply.raw.destroy()
  }

  /** Tells a client that waits with its body to send it. */
  letSend(): void {
    if (!this.reply.raw.headersSent && !this.isEnded) this.reply.raw.writeContinue()
  }

  /** Whether the service may be asked again: it has said nothing, and asking twice does nothing twice. */
  mayRepeat(error: Error): boolean {
    const { code } = error as NodeJS.ErrnoException
    return !this.isEnded && (code === 'UND_ERR_SOCKET' || code === 'ECONNRESET')
  }

  /**
   * Whether the client has gone without a word: only the first of the answers that one connection waits for is told of
   * its end.
   */
  isAbandoned(): boolean {
    return this.request.raw.socket.destroyed
  }

  /** Gives up a service that cannot be connected to in the time that it has for its answer: undici counts from there. */
  giveUpConnecting(now: number): void {
    const { timeout_ms: limitMs } = this.service.descriptor
    if (this.#isConnected || this.#settle === null || now - this.#sentAt <= limitMs) return
    this.#finish(new errors.ConnectTimeoutError())
  }

  /** Whether the client has stopped in the middle of its body; one that the service keeps waiting has not. */
  isStalled(now: number): boolean {
    const { raw } = this.request
    if (raw.complete || raw.isPaused() || !hasBody(raw)) return false
    const { bytesRead } = raw.socket
    if (bytesRead !== this.#bytesRead) {
      this.#bytesRead = bytesRead
      this.#movedAt = now
    }
    return now - this.#movedAt > maxStandstillMs
  }

  /** Writes the head; the body follows by itself. */
  answer(): void {
    const { raw } = this.reply
    const headers = this.makeHeaders(this.#rawHeaders)
    raw.writeHead(this.statusCode, asReason(this.#statusText), headers)
    this.reply.hijack()
    this.#hasHead = true
    // The body mostly comes along with the head, and then goes on with it; but the stream of an event may be silent.
    process.nextTick(flush, raw)
  }

  protected noteHead(statusCode: number): void {
    this.#headAt = performance.now()
    this.statusCode = statusCode
  }

  /** The service's own with the gateway's, names and values in turn. */
  protected makeHeaders(raw: readonly Buffer[]): string[] {
    const { context } = this
    const own = this.reply.getHeaders()
    own[context.proxyLatencyHeader] = String(Math.round(this.#sentAt - this.startedAt))
    own[context.upstreamLatencyHeader] = String(Math.round(this.#headAt - this.#sentAt))
    return context.answerHeaders(raw, own)
  }

  onConnect(abort: (error?: Error) => void): void {
    this.#abort = abort
    this.#isConnected = true
    if (this.isEnded) abort()
  }

  onHeaders(statusCode: number, headers: Buffer[], resume: () => void, statusText: string): boolean {
    // An interim answer; the final one follows.
    if (statusCode < 200) return true
    this.noteHead(statusCode)
    this.#rawHeaders = headers
    this.#statusText = statusText
    this.#resume = resume
    this.#finish(null)
    return true
  }

  onData(chunk: Buffer): boolean {
    const { raw } = this.reply
    if (raw.write(chunk)) return true
    raw.once('drain', this.#goOn)
    return false
  }

  readonly #goOn = () => this.#resume?.()

  onComplete(trailers: readonly (string | Buffer)[] | null): void {
    const { raw } = this.reply
    this.#isComplete = true
    if (trailers !== null && trailers.length > 0) raw.addTrailers(inPairs(trailers))
    raw.end()
  }

  onError(error: Error): void {
    // Nobody is there to be told, or it has been ended on purpose.
    if (this.isEnded) return
    if (this.#hasHead) {
      const { name, message, code } = error as NodeJS.ErrnoException
      // Not the whole error: undici's of a broken answer holds a piece of it.
      this.request.log.warn(
        { fault: { name, message, code }, service: this.service.descriptor.id },
        'an answer broke off',
      )
      // Without its end: a client must not take it for the whole.
      this.reply.raw.destroy()
    } else this.#finish(error)
  }

  #finish(error: Error | null): void {
    this.failure = error
    const settle = this.#settle
    this.#settle = null
    if (settle !== null) settle(error)
    // What could not be written has been told to nobody, who would wait for ever.
    else if (error !== null && !this.reply.raw.writableEnded) this.cut()
  }

  protected close(): void {
    if (this.isEnded) return
    this.isEnded = true
    this.context.ended(this)
    if (!this.#isComplete) this.#abort?.()
  }
}

function flush(raw: ServerResponse): void {
  if (!raw.writableEnded && !raw.destroyed) raw.flushHeaders()
}

/** Undici reads a reason as UTF-8: its bytes, each one character, without what Node refuses to write. */
const asReason = (text: string) =>
  plainReason.test(text)
    ? text
    : Buffer.from(text)
        .toString('latin1')
        .replace(/[^\t\x20-\x7e\x80-\xff]/g, '?')

const plainReason = /^[\x20-\x7e]*$/

function inPairs(trailers: readonly (string | Buffer)[]): [string, string][] {
  const pairs: [string, string][] = []
  for (let at = 0; at < trailers.length; at += 2) pairs.push([text(trailers[at]), text(trailers[at + 1])])
  return pairs
}

const text = (value: string | Buffer | undefined) =>
  typeof value === 'string' ? value : (value?.toString('latin1') ?? '')
