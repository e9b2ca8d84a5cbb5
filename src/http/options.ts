import { randomUUID } from 'node:crypto'
import type { Server } from 'node:http'
import { type FastifyHttpOptions, type FastifyServerOptions, LogController } from 'fastify'
import { compileTrust } from '../addresses.js'
import type { Config } from '../config/load.js'
import { loggerOptions } from '../log/options.js'
import { createRequestLog } from '../log/request-log.js'
import { answerBrokenRequest, answerBrokenUrl } from '../problems/broken-requests.js'
import { buildSerializer } from './serialization.js'

const bodyLimitBytes = 65_536
// Nobody holds a connection open by sending slowly, nor the end of the process; the bodies here are small.
const requestTimeoutMs = 15_000
/** How late a time limit of a connection may be noticed. Node's default is 30 s. */
const checkConnectionsEveryMs = 2000

/** For each hook of the start and the end. Fastify's 10 s are less than the last requests get. */
const hookTimeoutMs = 30_000

export interface HttpOptions {
  /** Changes the URL of a request before it is routed. Default: no. */
  rewriteUrl?: FastifyServerOptions['rewriteUrl']
  /** Texts that no log line may contain, beside everything that has the shape of a credential. Default: none. */
  secrets?: readonly string[]
  /** Where log lines go. Default: standard output. */
  logStream?: { write(line: string): void } | undefined
}

/** Returns Fastify's options: how the service speaks HTTP, and what it logs. */
export function serverOptions(config: Config, options: HttpOptions): FastifyHttpOptions<Server> {
  const { rewriteUrl, secrets = [], logStream } = options
  const logger = loggerOptions(config.logLevel, config.keys.prefix, config.headerPrefix, secrets)
  return {
    ...(rewriteUrl === undefined ? {} : { rewriteUrl }),
    logger: logStream === undefined ? logger : { ...logger, stream: logStream },
    // One line for each answer, by a hook, instead of two of Fastify's.
    logController: new LogController({ disableRequestLogging: true }),
    childLoggerFactory: createRequestLog,
    genReqId: () => randomUUID(),
    requestIdHeader: false,
    pluginTimeout: hookTimeoutMs,
    trustProxy: compileTrust(config.trustProxy),
    schemaController: { compilersFactory: { buildSerializer } },
    bodyLimit: bodyLimitBytes,
    requestTimeout: requestTimeoutMs,
    // Node takes the larger of the two for the whole request, and its default for the head is 60 s.
    http: { headersTimeout: requestTimeoutMs, connectionsCheckingInterval: checkConnectionsEveryMs },
    // A request on an open connection is served to its end, then the connection closes.
    return503OnClosing: false,
    frameworkErrors: answerBrokenUrl,
    clientErrorHandler: answerBrokenRequest,
  }
}
