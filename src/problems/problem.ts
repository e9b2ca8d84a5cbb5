import type { FastifyError } from 'fastify'
import { type ProblemCode, problemKinds } from './catalogue.js'
import { describeFaults, type InvalidMember } from './input-faults.js'

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
      errors: describeFaults(validation, validationContext ?? 'body'),
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
