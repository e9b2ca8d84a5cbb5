import { randomUUID } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'

interface ProblemKind {
  status: number
  title: string
  /** What the caller may know and can act on. */
  detail: string
}

/** Every error that the service answers with. README's table of errors is checked against this one. */
export const problemKinds = {
  invalid_request: {
    status: 400,
    title: 'Invalid request',
    detail: 'The request is malformed.',
  },
  validation_failed: {
    status: 400,
    title: 'Validation failed',
    detail: 'The input is invalid; errors names each fault.',
  },
  login_failed: {
    status: 400,
    title: 'Login failed',
    detail: 'The login was not completed. Start again.',
  },
  not_authenticated: {
    status: 401,
    title: 'Not authenticated',
    detail: 'Not authenticated',
  },
  invalid_credential: {
    status: 401,
    title: 'Invalid credential',
    detail: 'The credential is wrong, unknown, expired, revoked or disabled.',
  },
  insufficient_scope: {
    status: 403,
    title: 'Insufficient scope',
    detail: 'The credential lacks a right that this operation asks for.',
  },
  login_required: {
    status: 403,
    title: 'Login required',
    detail: 'An API key may not do this: use an OAuth2 token or log in.',
  },
  client_not_allowed: {
    status: 403,
    title: 'Client not allowed',
    detail: 'Tokens of this OAuth2 client may not manage API keys.',
  },
  read_only_key: {
    status: 403,
    title: 'Read-only key',
    detail: 'This API key may only use GET, HEAD and OPTIONS.',
  },
  referer_not_allowed: {
    status: 403,
    title: 'Referer not allowed',
    detail: 'This API key may not be used from this site.',
  },
  address_not_allowed: {
    status: 403,
    title: 'Address not allowed',
    detail: 'This API key may not be used from this address.',
  },
  not_authorized_here: {
    status: 403,
    title: 'Not authorised here',
    detail: 'This API key is not authorised on this service.',
  },
  cross_site_request: {
    status: 403,
    title: 'Cross-site request',
    detail: 'A change made through a session must come from this site.',
  },
  set_by_administrator: {
    status: 403,
    title: 'Set by an administrator',
    detail: 'An administrator set this; the owner cannot undo it.',
  },
  keys_disabled: {
    status: 403,
    title: 'API keys are switched off',
    detail: 'API keys are switched off: none can be made until they are on again.',
  },
  never_expires_not_allowed: {
    status: 403,
    title: 'Never-expiring keys are not allowed',
    detail: 'This service gives no keys that never expire.',
  },
  not_found: {
    status: 404,
    title: 'Not found',
    detail: 'There is nothing here that the caller may see.',
  },
  name_taken: {
    status: 409,
    title: 'Name taken',
    detail: 'Another of your API keys has this name.',
  },
  key_limit_reached: {
    status: 409,
    title: 'Key limit reached',
    detail: 'You hold as many working API keys as you may: revoke one first.',
  },
  id_taken: {
    status: 409,
    title: 'Id taken',
    detail: 'Something else here has this id already.',
  },
  in_use: {
    status: 409,
    title: 'In use',
    detail: 'Services or API keys refer to this: take it from them first.',
  },
  set_by_file: {
    status: 409,
    title: 'Set by a file',
    detail: 'A file of the operator says this: change it there.',
  },
  permanently_revoked: {
    status: 409,
    title: 'Permanently revoked',
    detail: 'This API key was revoked for good: create a new one.',
  },
  payload_too_large: {
    status: 413,
    title: 'Payload too large',
    detail: 'The body is larger than this service takes.',
  },
  unsupported_media_type: {
    status: 415,
    title: 'Unsupported media type',
    detail: 'Send the body as application/json.',
  },
  rate_limited: {
    status: 429,
    title: 'Too many requests',
    detail: 'Too many requests: wait as Retry-After says.',
  },
  quota_exceeded: {
    status: 429,
    title: 'Quota exceeded',
    detail: 'The calls of this day or month are used up: wait as Retry-After says.',
  },
  internal_error: {
    status: 500,
    title: 'Internal error',
    detail: 'Something went wrong here. The request id finds it in the log.',
  },
  bad_gateway: {
    status: 502,
    title: 'Bad gateway',
    detail: 'The service behind the gateway cannot be reached, or broke off its answer.',
  },
  unavailable: {
    status: 503,
    title: 'Unavailable',
    detail: 'The service cannot tell right now: try again as Retry-After says.',
  },
  gateway_timeout: {
    status: 504,
    title: 'Gateway timeout',
    detail: 'The service behind the gateway took too long to answer.',
  },
} as const satisfies Record<string, ProblemKind>

export type ProblemCode = keyof typeof problemKinds

export interface InvalidMember {
  /** The member's name as in the request, nested ones joined by dots; empty for the whole. */
  path: string
  message: string
}

export interface ProblemDetails {
  /** Replaces the kind's own text; must be safe to show to the caller. */
  detail?: string
  errors?: InvalidMember[]
  headers?: Record<string, string | string[]>
  /** For our log only. */
  cause?: unknown
}

/** An error that is answered as it stands. Its message is public; its cause goes to the log only. */
export class Problem extends Error {
  override readonly name = 'Problem'
  readonly code: ProblemCode
  readonly details: ProblemDetails

  constructor(code: ProblemCode, details: ProblemDetails = {}) {
    super(
      details.detail ?? problemKinds[code].detail,
      details.cause === undefined ? {} : { cause: details.cause },
    )
    this.code = code
    this.details = details
  }

  get statusCode(): number {
    return problemKinds[this.code].status
  }
}

const problemType = 'application/problem+json; charset=utf-8'
const retryAfterSeconds = '5'

/** The body of an error answer (RFC 9457), shared by every way to answer one. */
export function problemBody(code: ProblemCode, requestId: string, details: ProblemDetails = {}) {
  const kind = problemKinds[code]
  return {
    type: `urn:latchkey:problem:${code}`,
    title: kind.title,
    status: kind.status,
    detail: details.detail ?? kind.detail,
    code,
    requestId,
    ...(details.errors === undefined ? {} : { errors: details.errors }),
  }
}

/**
 * Answers with a problem document, without the cost of a thrown error: refusals are the path of an attacker.
 * A 401 that brings no challenge of its own gets the one for a refused credential (RFC 6750 §3.1).
 */
export function sendProblem(reply: FastifyReply, code: ProblemCode, details: ProblemDetails = {}) {
  setProblemHeaders(reply, code, details)
  // Serialized here: the schema of the route's answers must not cut what explains the refusal.
  reply
    .code(problemKinds[code].status)
    .header('content-type', problemType)
    .serializer(passThrough)
    .send(JSON.stringify(problemBody(code, reply.request.id, details)))
  return reply
}

/** The headers of an error answer, whether its body is for a program or for a person. */
export function setProblemHeaders(reply: FastifyReply, code: ProblemCode, details: ProblemDetails): void {
  if (code === 'invalid_credential') reply.header('www-authenticate', 'Bearer error="invalid_token"')
  if (code === 'unavailable') reply.header('retry-after', retryAfterSeconds)
  if (details.headers !== undefined) reply.headers(details.headers)
}

const passThrough = (body: unknown) => body as string

const codesByStatus: Record<number, ProblemCode> = {
  404: 'not_found',
  413: 'payload_too_large',
  415: 'unsupported_media_type',
  429: 'rate_limited',
  503: 'unavailable',
}

/** What an error of Fastify, of a plugin or of ours means to the caller. */
export function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error
  if (!(error instanceof Error)) return new Problem('internal_error', { cause: error })
  const { validation, validationContext, code, statusCode = 500 } = error as Partial<FastifyError> & Error
  if (validation !== undefined) {
    return new Problem('validation_failed', {
      // Enough to mend the input; a body of nothing but faults must not get an answer larger than itself.
      errors: validation
        .slice(0, maxFaults)
        .map((fault) => describeFault(fault, validationContext ?? 'body')),
    })
  }
  if (code === 'FST_ERR_CTP_INVALID_JSON_BODY') {
    return new Problem('validation_failed', { errors: [{ path: '', message: 'the body is not valid JSON' }] })
  }
  // By name, since this file knows no room: the store tells so that its database cannot be asked.
  if (error.name === 'StoreUnavailable') return new Problem('unavailable', { cause: error })
  if (statusCode >= 500 && statusCode !== 503) return new Problem('internal_error', { cause: error })
  if (isProblemCode(code) && problemKinds[code].status === statusCode) return asNamedProblem(code, error)
  return new Problem(codesByStatus[statusCode] ?? 'invalid_request', { cause: error })
}

const isProblemCode = (code: unknown): code is ProblemCode =>
  typeof code === 'string' && Object.hasOwn(problemKinds, code)

/** A guarded service may throw errors of its own that name one of our codes; their message is public. */
function asNamedProblem(code: ProblemCode, error: Error & { errors?: InvalidMember[] }): Problem {
  const { message, errors } = error
  return new Problem(code, { detail: message, ...(errors === undefined ? {} : { errors }) })
}

const maxFaults = 50

type Fault = NonNullable<FastifyError['validation']>[number]

/** RFC 6901 §4. */
const unescapePointer = (part: string) => part.replaceAll('~1', '/').replaceAll('~0', '~')

/** @param context what is told of the whole, as `body` */
export function describeFault(fault: Fault, context: string): InvalidMember {
  const at = fault.instancePath.split('/').slice(1).map(unescapePointer)
  const { missingProperty, additionalProperty, allowedValue } = fault.params as Record<
    string,
    string | undefined
  >
  if (missingProperty !== undefined)
    return { path: [...at, missingProperty].join('.'), message: 'is required' }
  if (additionalProperty !== undefined) {
    return { path: [...at, additionalProperty].join('.'), message: 'is not a known member' }
  }
  const path = at.join('.')
  if (allowedValue !== undefined) return { path, message: `must be ${JSON.stringify(allowedValue)}` }
  return { path, message: `${path === '' ? `the ${context} ` : ''}${fault.message ?? 'is invalid'}` }
}

/** Catches once, at the edge: the only place where an error becomes an answer. */
export function renderError(error: unknown, request: FastifyRequest, reply: FastifyReply) {
  const problem = asProblem(error)
  logProblem(request, problem)
  return sendProblem(reply, problem.code, problem.details)
}

/** Keeps the cause, which the answer does not tell. */
export function logProblem(request: FastifyRequest, problem: Problem): void {
  const { cause } = problem
  if (problem.statusCode >= 500) request.log.error({ err: cause ?? problem }, problem.message)
  else if (cause !== undefined) request.log.info({ err: cause }, problem.message)
}

/**
 * Answers a URL that cannot be decoded or that has a part too long to name anything. Neither hooks nor routes see
 * it, and the error quotes the URL, so it is not logged.
 */
export function answerBrokenUrl(error: FastifyError, request: FastifyRequest, reply: FastifyReply) {
  reply.headers({
    'x-request-id': request.id,
    'x-content-type-options': 'nosniff',
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  })
  sendProblem(reply, error.code === 'FST_ERR_MAX_PARAM_LENGTH' ? 'not_found' : 'invalid_request')
  request.log.info({ req: request, res: reply, fault: error.code }, 'answered')
}

const brokenRequests: Record<string, { status: string; code: ProblemCode }> = {
  HPE_HEADER_OVERFLOW: { status: '431 Request Header Fields Too Large', code: 'invalid_request' },
  ERR_HTTP_REQUEST_TIMEOUT: { status: '408 Request Timeout', code: 'invalid_request' },
}

/** Node's own mark of the answer that is being written to a connection. */
type ServedSocket = Socket & { _httpMessage?: ServerResponse | null }

/**
 * Answers what is not even HTTP: no request and no reply exist yet, only the connection.
 * @param this the service, as Fastify calls it
 */
export function answerBrokenRequest(
  this: FastifyInstance,
  error: Error & { code?: string },
  socket: ServedSocket,
): void {
  // The other side is gone, or an answer is under way, into which nothing may be written.
  if (error.code === 'ECONNRESET' || !socket.writable || socket._httpMessage?.headersSent) {
    socket.destroy()
    return
  }
  const { status, code } = brokenRequests[error.code ?? ''] ?? {
    status: '400 Bad Request',
    code: 'invalid_request',
  }
  const reqId = randomUUID()
  // The error itself holds what was sent, with its credentials.
  this.log.info({ reqId, address: socket.remoteAddress, status, fault: error.code }, 'answered')
  const body = JSON.stringify({ ...problemBody(code, reqId), status: Number.parseInt(status, 10) })
  socket.end(
    `HTTP/1.1 ${status}\r\nContent-Type: ${problemType}\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  )
}
