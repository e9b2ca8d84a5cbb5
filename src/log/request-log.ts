import type { FastifyBaseLogger } from 'fastify'

/** What is logged, and a message. */
type Line = [logged: object, message?: string]

/**
 * The logger of one request. The child of pino's that names the request is made when the first line is written, because
 * most requests write none but the line of their answer.
 */
class RequestLog {
  readonly #makeChild: () => FastifyBaseLogger
  #child: FastifyBaseLogger | undefined

  constructor(makeChild: () => FastifyBaseLogger) {
    this.#makeChild = makeChild
  }

  get own(): FastifyBaseLogger {
    this.#child ??= this.#makeChild()
    return this.#child
  }

  get level(): string {
    return this.own.level
  }

  set level(level: string) {
    this.own.level = level
  }

  child(...given: Parameters<FastifyBaseLogger['child']>): FastifyBaseLogger {
    return this.own.child(...given)
  }

  fatal(...line: Line): void {
    this.own.fatal(...line)
  }

  error(...line: Line): void {
    this.own.error(...line)
  }

  warn(...line: Line): void {
    this.own.warn(...line)
  }

  info(...line: Line): void {
    this.own.info(...line)
  }

  debug(...line: Line): void {
    this.own.debug(...line)
  }

  trace(...line: Line): void {
    this.own.trace(...line)
  }

  silent(...line: Line): void {
    this.own.silent(...line)
  }
}

/** Makes the logger of a request, as Fastify's `childLoggerFactory`. */
export const createRequestLog = (
  parent: FastifyBaseLogger,
  ...given: Parameters<FastifyBaseLogger['child']>
): FastifyBaseLogger =>
  // pino's functions have overloads, all of which are passed on.
  new RequestLog(() => parent.child(...given)) as unknown as FastifyBaseLogger
