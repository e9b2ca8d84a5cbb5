import Type, { type Static } from 'typebox'
import { freeObject, instant, line, nullable, pageMembers, ref } from './common.js'
import { vias } from './principal.js'

export const auditEventSchema = Type.Object(
  {
    id: Type.String({ description: 'Later lines have larger numbers.' }),
    at: instant('When it was done.'),
    actor: Type.Object({
      subject: Type.String({ description: 'Empty: nobody who is known.' }),
      login: Type.String(),
      key_id: nullable(Type.String(), 'The API key that it was done with.'),
    }),
    via: Type.String({
      description: `How the actor was authenticated: ${vias.join(', ')}, or what acted by itself.`,
    }),
    action: Type.String({ description: 'What was done, as `key.revoked` or `login.refused`.' }),
    target: Type.String({ description: 'The id of what it was done to.' }),
    owner: Type.String({ description: 'Subject of the owner of a key; empty for what has none.' }),
    address: Type.String({ description: 'Where the request came from; empty without one.' }),
    request_id: Type.String(),
    details: freeObject(),
  },
  {
    $id: 'AuditEvent',
    additionalProperties: false,
    description: 'A line of the ledger. It never holds a value of a key.',
    examples: [
      {
        id: '4711',
        at: '2026-11-21T09:30:00.000Z',
        actor: { subject: '11111111-1111-4111-8111-111111111111', login: 'alice', key_id: null },
        via: 'session',
        action: 'key.revoked',
        target: 'Zk3vQ9aB',
        owner: '22222222-2222-4222-8222-222222222222',
        address: '192.0.2.7',
        request_id: '6f1c5c0e-5a43-4a35-8a0f-0f1f7a6f5f0e',
        details: { permanent: false },
      },
    ],
  },
)
export type AuditEventDocument = Static<typeof auditEventSchema>

export const auditPageSchema = Type.Object(
  {
    items: Type.Array(ref(auditEventSchema)),
    next_cursor: nullable(Type.String(), 'Asks for the next page; null at the end.'),
  },
  { $id: 'AuditPage', additionalProperties: false },
)

const filter = (description: string) =>
  Type.Optional(Type.String({ minLength: 1, maxLength: 255, ...line, description }))

export const listAuditSchema = Type.Object(
  {
    actor: filter('Subject or login of who did it.'),
    action: filter('As `key.revoked`.'),
    target: filter('The id of what it was done to.'),
    owner: filter('Subject of the owner of a key.'),
    from: Type.Optional(Type.String({ format: 'date-time', description: 'Lines of this moment and later.' })),
    to: Type.Optional(Type.String({ format: 'date-time', description: 'Lines of before this moment.' })),
    ...pageMembers,
  },
  { additionalProperties: false, required: [] },
)
export type ListAudit = Static<typeof listAuditSchema>

/** The named components of the document, in an order in which each refers only to those before it. */
export const auditSchemas = [auditEventSchema, auditPageSchema]
