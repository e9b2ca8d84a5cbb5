import type { ProblemDocument } from '../schemas/common.js'

/** What the service answered with instead of what was asked for; `code` is the stable name of the reason. */
export class LatchkeyError extends Error {
  override readonly name: string = 'LatchkeyError'

  constructor(
    /** As in the table of errors, for example `invalid_credential`; `unexpected_answer` for what is none of the service's. */
    readonly code: string,
    readonly status: number,
    /** Safe to show to a person. */
    readonly detail: string,
    readonly more: {
      /** Finds the request in the log of the service. */
      readonly requestId?: string
      /** Each fault of an invalid input, by the name of the member. */
      readonly errors?: readonly { readonly path: string; readonly message: string }[]
      /** When to come back, as `Retry-After` says. */
      readonly retryAfterSeconds?: number
    } = {},
  ) {
    super(detail)
  }

  get requestId(): string | undefined {
    return this.more.requestId
  }

  get errors(): readonly { readonly path: string; readonly message: string }[] {
    return this.more.errors ?? []
  }

  get retryAfterSeconds(): number | undefined {
    return this.more.retryAfterSeconds
  }
}

/** 400: the input is at fault; `errors` names each member. */
export class InvalidRequestError extends LatchkeyError {
  override readonly name = 'InvalidRequestError'
}

/** 401: no credential, or one that is refused. */
export class NotAuthenticatedError extends LatchkeyError {
  override readonly name = 'NotAuthenticatedError'
}

/** 403: the credential is good but may not do this. */
export class ForbiddenError extends LatchkeyError {
  override readonly name = 'ForbiddenError'
}

/** 404: not there, or not yours. */
export class NotFoundError extends LatchkeyError {
  override readonly name = 'NotFoundError'
}

/** 409: what is there already does not allow it. */
export class ConflictError extends LatchkeyError {
  override readonly name = 'ConflictError'
}

/** 429: too many calls; `retryAfterSeconds` says when to come back. */
export class TooManyRequestsError extends LatchkeyError {
  override readonly name = 'TooManyRequestsError'
}

/** 5xx: the service cannot tell now, or something is wrong there. */
export class UnavailableError extends LatchkeyError {
  override readonly name = 'UnavailableError'
}

/** An answer that is none of this service: another program's, a proxy's page, a redirect. `code` is `unexpected_answer`. */
export class UnexpectedAnswerError extends LatchkeyError {
  override readonly name = 'UnexpectedAnswerError'

  constructor(status: number, detail: string) {
    super('unexpected_answer', status, detail)
  }
}

/** No answer at all: the service cannot be reached, or took too long. The cause is in `cause`. */
export class UnreachableError extends Error {
  override readonly name = 'UnreachableError'
  readonly code = 'unreachable'
}

/** An option of the client that cannot be meant, or must not be: nothing was sent. */
export class InvalidOptionError extends TypeError {
  override readonly name = 'InvalidOptionError'
  readonly code = 'invalid_option'
}

const classes: Record<number, typeof LatchkeyError> = {
  400: InvalidRequestError,
  401: NotAuthenticatedError,
  403: ForbiddenError,
  404: NotFoundError,
  409: ConflictError,
  429: TooManyRequestsError,
}

/** What a refusal means. @param problem null: the body was none, as of a proxy in front */
export function asError(
  status: number,
  problem: ProblemDocument | null,
  retryAfterSeconds: number | undefined,
): LatchkeyError {
  const Class = classes[status] ?? (status >= 500 ? UnavailableError : LatchkeyError)
  const retry = retryAfterSeconds === undefined ? {} : { retryAfterSeconds }
  if (problem === null) {
    const detail = `The answer ${status} is none of this service: is the url right, or does a proxy answer?`
    // What is not there at a wrong URL says nothing of a key; that something is busy or away holds of the service too.
    return status === 429 || status >= 500
      ? new Class('unexpected_answer', status, detail, retry)
      : new UnexpectedAnswerError(status, detail)
  }
  const { code, detail, requestId, errors } = problem
  return new Class(code, status, detail, { requestId, ...retry, ...(errors === undefined ? {} : { errors }) })
}
