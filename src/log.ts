import type { FastifyRequest } from 'fastify'
import type { LoggerOptions } from 'pino'
import { stdSerializers } from 'pino'

const hidden = '[hidden]'

// Query members that hold a credential, lead to one, or that people take for the one that does; everything else of a URL
// helps who reads the log.
const secretMembers = new Set([
  'api_key',
  'api-key',
  'apikey',
  'x-api-key',
  'access_token',
  'refresh_token',
  'id_token',
  'client_secret',
  'password',
  'token',
  'code',
  'user_code',
  'state',
  'id_token_hint',
  'session_state',
])

/** A URL for the log, without the credentials that it may carry. */
export function redactUrl(whole: string): string {
  // As at the gateway, where it is taken out of the URL; here for who calls the wrong port.
  const url = whole.startsWith('/k/') ? whole.replace(/^(\/k\/)[^/?]+/, `$1${hidden}`) : whole
  const start = url.indexOf('?')
  if (start === -1) return url
  const members = url
    .slice(start + 1)
    .split('&')
    .map((member) => {
      const [name = ''] = member.split('=', 1)
      // Some readers skip a second question mark, and see the same name.
      const plain = decodeLeniently(name).toLowerCase().replace(/^\?+/, '')
      return secretMembers.has(plain) ? `${name}=${hidden}` : member
    })
  return `${url.slice(0, start)}?${members.join('&')}`
}

function decodeLeniently(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return text
  }
}

/**
 * Takes out of a finished line whatever has the shape of a credential: the last guard, for the error that
 * quotes a header and the path that someone pasted a key into. Not only whole words: a `%20` may stand before one.
 * @param secrets that are taken out too, whatever their shape
 */
export function createLineRedactor(
  keyPrefix: string,
  secrets: readonly string[] = [],
): (line: string) => string {
  const keyValue = new RegExp(`${keyPrefix}_([0-9A-Za-z]{8})_[0-9A-Za-z]{20,}`, 'g')
  const jwt = /eyJ[\w-]{8,}\.[\w-]+\.[\w-]*/g
  const scheme = /\b(Bearer|Apikey|Basic) +[\w.~+/=-]{8,}/gi
  // First, while they are whole: what has a shape is only a part of some.
  const withoutSecrets = (line: string) =>
    secrets.reduce((rest, secret) => rest.replaceAll(secret, hidden), line)
  return (line) =>
    withoutSecrets(line)
      .replace(keyValue, `${keyPrefix}_$1_${hidden}`)
      .replace(jwt, hidden)
      .replace(scheme, `$1 ${hidden}`)
}

const credentialHeaders = (headerPrefix: string) =>
  ['Client-Secret', 'Authorization', 'Token'].map((end) => `${headerPrefix}-${end}`.toLowerCase())

/**
 * What the process logs, and what it never does.
 * @param headerPrefix of the headers that present keys. Default `Otoroshi`
 * @param secrets that no line may have in it, beside whatever has the shape of a credential
 */
export function loggerOptions(
  level: string,
  keyPrefix: string,
  headerPrefix = 'Otoroshi',
  secrets: readonly string[] = [],
): LoggerOptions {
  return {
    level,
    hooks: { streamWrite: createLineRedactor(keyPrefix, secrets) },
    redact: {
      paths: [
        ...['authorization', 'cookie', 'set-cookie', 'x-api-key'],
        ...credentialHeaders(headerPrefix),
      ].flatMap((name) => [`headers["${name}"]`, `*.headers["${name}"]`]),
      censor: hidden,
    },
    serializers: {
      err: stdSerializers.err,
      req: (request: FastifyRequest) => ({
        method: request.method,
        url: redactUrl(request.url),
        address: request.ip,
      }),
      res: (reply: { statusCode: number }) => ({ status: reply.statusCode }),
    },
  }
}
