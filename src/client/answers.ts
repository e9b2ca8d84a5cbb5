import type { ProblemDocument } from '../schemas/common.js'
import { asError, UnexpectedAnswerError } from './errors.js'
import { readRetryAfterMs } from './repeat.js'

/**
 * What the service answered with, as its schema says; 204 is undefined.
 * @throws LatchkeyError for a refusal; UnexpectedAnswerError for what is no answer of this service, as the page of a
 * proxy in front or of a network that wants a login
 */
export function interpret<T>(answer: Response, text: string, now: number): T {
  // In browsers a redirect tells neither its status nor where it leads.
  if (answer.type === 'opaqueredirect' || (answer.status >= 300 && answer.status < 400)) {
    throw new UnexpectedAnswerError(answer.status, tellRedirect(answer))
  }
  if (!answer.ok) {
    const retryAfterMs = readRetryAfterMs(answer.headers, now)
    throw asError(answer.status, readProblem(answer, text), retryAfterMs && Math.ceil(retryAfterMs / 1000))
  }
  // The status says that there is nothing, which is what such operations are typed to give.
  if (answer.status === 204) return undefined as T
  const body = isJson(answer) ? parse(text) : undefined
  if (body === undefined) throw new UnexpectedAnswerError(answer.status, tellKind(answer))
  // As the service has validated it by the schema that T is made of.
  return body as T
}

const typeOf = ({ headers }: Response) =>
  headers.get('content-type')?.split(';')[0]?.trim().toLowerCase() ?? ''

const isJson = (answer: Response) => /^application\/(.+\+)?json$/.test(typeOf(answer))

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function readProblem(answer: Response, text: string): ProblemDocument | null {
  if (typeOf(answer) !== 'application/problem+json') return null
  const problem = parse(text)
  return isProblem(problem) ? problem : null
}

/** Others write problem documents too, without a code. */
function isProblem(value: unknown): value is ProblemDocument {
  const isObject = typeof value === 'object' && value !== null
  return isObject && 'code' in value && typeof value.code === 'string' && 'detail' in value
}

const tellKind = (answer: Response) =>
  `The answer ${answer.status} is ${typeOf(answer) || 'of no type'}, not what Latchkey answers: is the url right, or does a proxy answer?`

function tellRedirect(answer: Response): string {
  const target = answer.headers.get('location')
  const place = target !== null && URL.canParse(target, answer.url) ? new URL(target, answer.url) : null
  // Without its query, which may hold what is nobody's business.
  const where = place === null ? '' : ` to ${place.origin}${place.pathname}`
  return `The service redirects${where}, which is not followed, since it would carry the credential: set the url to where it is.`
}
