import Type, { type Static, type TSchema } from 'typebox'

/** Refers to a named schema, so that the document keeps one component and the code keeps its type. */
export function ref<T extends TSchema>(schema: T) {
  const { $id } = schema as { $id?: string }
  if ($id === undefined) throw new TypeError('Only a schema with an $id can be referred to')
  return Type.Unsafe<Static<T>>({ $ref: `${$id}#` })
}

/**
 * The schema, or null, as a list of types. With `anyOf`, fast-json-stringify validates each answer that it writes.
 * @param meaning follows the description of the schema
 */
export function nullable<T extends TSchema>(schema: T, meaning?: string) {
  const {
    type,
    enum: words,
    description,
  } = schema as { type?: string; enum?: string[]; description?: string }
  if (type === undefined && words === undefined) throw new TypeError('Only a type or words can be nullable')
  const told = [description, meaning].filter((sentence) => sentence !== undefined).join(' ')
  return Type.Unsafe<Static<T> | null>({
    ...schema,
    ...(type === undefined ? {} : { type: [type, 'null'] }),
    ...(words === undefined ? {} : { enum: [...words, null] }),
    ...(told === '' ? {} : { description: told }),
  })
}

export const instant = (description: string) =>
  Type.String({ format: 'date-time', description, examples: ['2026-12-06T09:30:00.000Z'] })

// Text for people has neither control characters nor those that turn the direction of writing, which deceive who reads
// a list: spelled out, since `\p{…}` is not in what every client's engine reads. Nor lone surrogates, which no database
// keeps: a format of its own, since many of those engines cannot even name them.
export const line = {
  pattern: '^[^\\u0000-\\u001F\\u007F-\\u009F\\u2028-\\u202E\\u2066-\\u2069]*$',
  format: 'well-formed',
}
/** How a text is read before it is checked and stored: `http/texts.ts` says what each kind means. */
export type TextKind = 'name' | 'paragraph' | 'right' | 'address' | 'search'
const textOf = (kind: TextKind) => ({ 'x-text': kind })

/** Tells in the document what no `pattern` can: how the texts that people read are taken. */
export const textRule =
  'Kept in NFC, without white space at its ends; characters that are not seen and credentials are refused.'

export const nameLine = { ...line, ...textOf('name') }
/** A paragraph of one line: characters may be joined in it, as many scripts do. */
export const paragraphLine = { ...line, ...textOf('paragraph') }
export const rightLine = { ...line, ...textOf('right') }
export const searchLine = { ...line, ...textOf('search') }
export const address = textOf('address')
export const paragraph = {
  pattern: '^[^\\u0000-\\u0008\\u000B\\u000C\\u000E-\\u001F\\u007F-\\u009F]*$',
  format: 'well-formed',
  ...textOf('paragraph'),
}

/**
 * An object with members of any name. `Type.Record` says it by a pattern that names with a line end do not match, so that
 * such a member would be missing in an answer.
 */
export const freeObject = (options: { description?: string; examples?: unknown[] } = {}) =>
  Type.Unsafe<Record<string, unknown>>({ type: 'object', additionalProperties: true, ...options })

/** What an error answers with (RFC 9457). */
export const problemSchema = Type.Object(
  {
    type: Type.String({ description: 'A URN naming the kind of problem.' }),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String({ description: 'Safe to show to a person.' }),
    code: Type.String({ description: 'A stable name for programs.' }),
    requestId: Type.String({ description: 'Finds the request in the log of the service.' }),
    errors: Type.Optional(
      Type.Array(Type.Object({ path: Type.String(), message: Type.String() }), {
        description: 'Each fault of an invalid input, by the name of the member.',
      }),
    ),
  },
  {
    $id: 'Problem',
    description: 'What every error answers with (RFC 9457).',
    examples: [
      {
        type: 'urn:latchkey:problem:invalid_credential',
        title: 'Invalid credential',
        status: 401,
        detail: 'The credential is wrong, unknown, expired, revoked or disabled.',
        code: 'invalid_credential',
        requestId: '6f1c5c0e-5a43-4a35-8a0f-0f1f7a6f5f0e',
      },
    ],
  },
)
export type ProblemDocument = Static<typeof problemSchema>

/** What each status means in the document, with the problem that is most often behind it. */
export const problemStatuses = {
  400: {
    meaning: 'The request is malformed or its input invalid.',
    code: 'validation_failed',
    title: 'Validation failed',
    detail: 'The input is invalid; errors names each fault.',
    errors: [{ path: 'name', message: 'is required' }],
  },
  401: {
    meaning: 'No credential, or one that is refused.',
    code: 'invalid_credential',
    title: 'Invalid credential',
    detail: 'The credential is wrong, unknown, expired, revoked or disabled.',
  },
  403: {
    meaning: 'The credential is good but may not do this.',
    code: 'login_required',
    title: 'Login required',
    detail: 'An API key may not do this: use an OAuth2 token or log in.',
  },
  404: {
    meaning: 'Not there, or not yours.',
    code: 'not_found',
    title: 'Not found',
    detail: 'There is nothing here that the caller may see.',
  },
  409: {
    meaning: 'What is there already does not allow it.',
    code: 'name_taken',
    title: 'Name taken',
    detail: 'Another of your API keys has this name.',
  },
  413: {
    meaning: 'The body is too large.',
    code: 'payload_too_large',
    title: 'Payload too large',
    detail: 'The body is larger than this service takes.',
  },
  415: {
    meaning: 'The body is not JSON.',
    code: 'unsupported_media_type',
    title: 'Unsupported media type',
    detail: 'Send the body as application/json.',
  },
  429: {
    meaning: 'Too many requests: wait as Retry-After says.',
    code: 'rate_limited',
    title: 'Too many requests',
    detail: 'Too many requests: wait as Retry-After says.',
  },
  500: {
    meaning: 'An error of the service.',
    code: 'internal_error',
    title: 'Internal error',
    detail: 'Something went wrong here. The request id finds it in the log.',
  },
  503: {
    meaning: 'The service cannot tell right now: try again as Retry-After says.',
    code: 'unavailable',
    title: 'Unavailable',
    detail: 'The service cannot tell right now: try again as Retry-After says.',
  },
} as const

/** The error answers of an operation: those named, and those that any operation may give. */
export function problemResponses(...statuses: (keyof typeof problemStatuses)[]) {
  const all = [...statuses, 429, 500, 503] as const
  return Object.fromEntries(all.map((status) => [status, describeProblem(status)]))
}

function describeProblem(status: keyof typeof problemStatuses) {
  const { meaning, code, title, detail, ...more } = problemStatuses[status]
  const requestId = '6f1c5c0e-5a43-4a35-8a0f-0f1f7a6f5f0e'
  const example = { type: `urn:latchkey:problem:${code}`, title, status, detail, code, requestId, ...more }
  return {
    description: meaning,
    content: { 'application/problem+json': { schema: ref(problemSchema), example } },
  }
}

/** A JSON answer of that named schema. */
export const described = <T extends TSchema>(schema: T, description: string) => ({
  description,
  content: { 'application/json': { schema: ref<T>(schema) } },
})

/** The members of a query for a page of a list. */
export const pageMembers = {
  limit: Type.Integer({ default: 50, minimum: 1, maximum: 200 }),
  cursor: Type.Optional(
    Type.String({ minLength: 1, maxLength: 200, description: 'next_cursor of the page before.' }),
  ),
}
