import Type, { type Static, type TSchema } from 'typebox'

/** Refers to a named schema, so that the document keeps one component and the code keeps its type. */
export function ref<T extends TSchema>(schema: T) {
  const { $id } = schema as { $id?: string }
  if ($id === undefined) throw new TypeError('Only a schema with an $id can be referred to')
  return Type.Unsafe<Static<T>>({ $ref: `${$id}#` })
}

export const nullable = <T extends TSchema>(schema: T, description?: string) =>
  Type.Union([schema, Type.Null()], description === undefined ? {} : { description })

export const instant = (description: string) =>
  Type.String({ format: 'date-time', description, examples: ['2026-12-06T09:30:00.000Z'] })

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

const problemTexts = {
  400: 'The request is malformed or its input invalid.',
  401: 'No credential, or one that is refused.',
  403: 'The credential is good but may not do this.',
  404: 'Not there, or not yours.',
  409: 'The state of the key, or of your other keys, does not allow it.',
  413: 'The body is too large.',
  415: 'The body is not JSON.',
  429: 'Too many requests: wait as Retry-After says.',
  500: 'An error of the service.',
  503: 'The service cannot tell right now: try again as Retry-After says.',
} as const

/** The error answers of an operation: those named, and those that any operation may give. */
export function problemResponses(...statuses: (keyof typeof problemTexts)[]) {
  const all = [...statuses, 429, 500, 503] as const
  return Object.fromEntries(
    all.map((status) => [
      status,
      {
        description: problemTexts[status],
        content: { 'application/problem+json': { schema: ref(problemSchema) } },
      },
    ]),
  )
}

/** A JSON answer of that named schema. */
export const described = <T extends TSchema>(schema: T, description: string) => ({
  description,
  content: { 'application/json': { schema: ref<T>(schema) } },
})
