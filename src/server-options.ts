import { randomUUID } from 'node:crypto'
import { type FastifyServerOptions, LogController } from 'fastify'
import type { Config } from './config.js'
import { answerBrokenRequest, answerBrokenUrl } from './errors.js'
import { loggerOptions } from './log.js'
import { buildSerializer } from './serialization.js'
import type { SingleUserMode } from './single-user/index.js'
import { leadToStart } from './single-user/routes.js'

const bodyLimitBytes = 65_536
// Nobody holds a connection open by sending slowly, nor the end of the process; the bodies here are small.
const requestTimeoutMs = 15_000

/** How the service speaks HTTP and what it logs. @param options.logStream default: standard output */
export function serverOptions(
  config: Config,
  {
    singleUser,
    logStream,
  }: { singleUser: SingleUserMode | null; logStream: { write(line: string): void } | undefined },
): FastifyServerOptions {
  const secrets = singleUser === null ? [] : [singleUser.key.value]
  const logger = loggerOptions(config.logLevel, config.keys.prefix, config.headerPrefix, secrets)
  return {
    ...(singleUser === null ? {} : { rewriteUrl: leadToStart }),
    logger: logStream === undefined ? logger : { ...logger, stream: logStream },
    // One line for each answer, by a hook, instead of two of Fastify's.
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: () => randomUUID(),
    requestIdHeader: false,
    trustProxy: config.trustProxy.length === 0 ? false : config.trustProxy,
    schemaController: { compilersFactory: { buildSerializer } },
    bodyLimit: bodyLimitBytes,
    requestTimeout: requestTimeoutMs,
    // A request on an open connection is served to its end, then the connection closes.
    return503OnClosing: false,
    frameworkErrors: answerBrokenUrl,
    clientErrorHandler: answerBrokenRequest,
  }
}
