import type { FastifyRequest } from 'fastify'
import type { LoggerOptions } from 'pino'
import { describeError } from './errors.js'
import { createFaultHook, FaultLog } from './faults.js'
import { createHeaderHider } from './headers.js'
import { createLineRedactor } from './redaction.js'
import { redactUrl } from './urls.js'

const credentialHeaders = (headerPrefix: string) => [
  ...['authorization', 'cookie', 'set-cookie', 'x-api-key'],
  ...['Client-Secret', 'Authorization', 'Token'].map((end) => `${headerPrefix}-${end}`.toLowerCase()),
]

/**
 * What the process logs, and what it never does.
 * @param headerPrefix of the headers that present keys. Default `Otoroshi`
 * @param secrets that no line may have in it, beside whatever has the shape of a credential
 * @param faults counts the faults that repeat
 */
export function loggerOptions(
  level: string,
  keyPrefix: string,
  headerPrefix = 'Otoroshi',
  secrets: readonly string[] = [],
  faults = new FaultLog(),
): LoggerOptions {
  return {
    level,
    hooks: { streamWrite: createLineRedactor(keyPrefix, secrets), logMethod: createFaultHook(faults) },
    // Not pino's `redact`, which makes each line eight times as expensive.
    formatters: { log: createHeaderHider(credentialHeaders(headerPrefix)) },
    serializers: {
      err: describeError,
      req: (request: FastifyRequest) => ({
        method: request.method,
        url: redactUrl(request.url),
        address: request.ip,
      }),
      res: (reply: { statusCode: number }) => ({ status: reply.statusCode }),
    },
  }
}
