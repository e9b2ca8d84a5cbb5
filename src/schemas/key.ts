import Type, { type Static } from 'typebox'
import {
  address,
  freeObject,
  instant,
  nameLine,
  nullable,
  pageMembers,
  paragraph,
  ref,
  rightLine,
  textRule,
} from './common.js'
import { type KeyStatus, keyStatuses, ownerKinds } from './enums.js'

export { type KeyStatus, keyStatuses }

export const maxGraceSeconds = 30 * 86_400

const name = Type.String({
  minLength: 1,
  maxLength: 100,
  ...nameLine,
  description: `Free text by which you recognise the key; unique among yours. ${textRule}`,
  examples: ['Nightly ingestion'],
})
const note = Type.String({
  maxLength: 1000,
  ...paragraph,
  description: `A reminder of where the key is used. ${textRule}`,
})
const config = freeObject({
  description: 'Free JSON that services see with each call; at most 4,096 bytes, nested at most 32 deep.',
  examples: [{ project: 'demo' }],
})
const allowedReferers = Type.Array(
  Type.String({
    maxLength: 259,
    pattern:
      '^(\\*\\.)?([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)(\\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*(:[0-9]{1,5})?$',
    ...address,
  }),
  {
    maxItems: 20,
    uniqueItems: true,
    description:
      'Hosts whose pages may use the key (`Origin` or `Referer`), as `portal.example.org` or `*.example.org`; empty: no restriction.',
    examples: [[]],
  },
)
const allowedIps = Type.Array(Type.String({ format: 'ip-range', maxLength: 50 }), {
  maxItems: 50,
  uniqueItems: true,
  description: 'Addresses or CIDR ranges that may use the key; empty: any.',
  examples: [[]],
})
const scope = Type.String({ minLength: 1, maxLength: 255, ...rightLine })

/** What a client may say of a key, whoever it is. */
export const inputMembers = { name, note, config, allowedReferers, allowedIps, scope }

const keyMembers = {
  id: Type.String(),
  name: Type.String(),
  note: Type.String(),
  kind: Type.Enum([...ownerKinds]),
  owner: Type.Object({ subject: Type.String(), login: Type.String() }),
  status: Type.Enum([...keyStatuses], { description: 'The first that holds.' }),
  enabled: Type.Boolean(),
  created_at: instant('When the key was made.'),
  expires_at: nullable(instant('When the key ends.'), 'Null: never.'),
  never_expires: Type.Boolean(),
  revoked_at: nullable(instant('When the key was revoked.')),
  revoked_by: nullable(Type.Enum(['owner', 'administrator', 'leak'])),
  scopes: Type.Array(Type.String(), { description: '`["inherit"]`: all the rights of the owner.' }),
  read_only: Type.Boolean(),
  groups: Type.Array(Type.String()),
  services: Type.Array(Type.String()),
  limits: Type.Object({
    per_second: nullable(Type.Integer()),
    per_day: nullable(Type.Integer()),
    per_month: nullable(Type.Integer()),
  }),
  jwt: Type.Boolean({ description: 'Whether JWTs that it signs are accepted.' }),
  allowed_referers: Type.Array(Type.String()),
  allowed_ips: Type.Array(Type.String()),
  config: freeObject(),
  usage: Type.Object({
    total: Type.Integer(),
    today: Type.Integer({ description: 'Calls of this calendar day (UTC).' }),
    last_used_at: nullable(instant('The last accepted call.')),
    last_used_ip: nullable(Type.String()),
    last_user_agent: nullable(Type.String()),
  }),
  previous_values: Type.Array(
    Type.Object({
      valid_until: instant('End of the grace.'),
      last_used_at: nullable(instant('Its last use.')),
    }),
    { description: 'Values before a rotation that still work, newest first.' },
  ),
}

const keyExample = {
  id: 'Zk3vQ9aB',
  name: 'Nightly ingestion',
  note: '',
  kind: 'user',
  owner: { subject: '11111111-1111-4111-8111-111111111111', login: 'alice' },
  status: 'active',
  enabled: true,
  created_at: '2026-11-21T09:30:00.000Z',
  expires_at: '2026-12-06T09:30:00.000Z',
  never_expires: false,
  revoked_at: null,
  revoked_by: null,
  scopes: ['inherit'],
  read_only: false,
  groups: [],
  services: [],
  limits: { per_second: null, per_day: null, per_month: null },
  jwt: false,
  allowed_referers: [],
  allowed_ips: [],
  config: { project: 'demo' },
  usage: { total: 0, today: 0, last_used_at: null, last_used_ip: null, last_user_agent: null },
  previous_values: [],
}
const valueExample = 'lk_Zk3vQ9aB_3yPk0hQm5n2Qw8rT1sV7uX4zA6bC9dE0fG2hJ5kL8mN4HiJ2r'

/** A key as its owner sees it; never with its value. */
export const keySchema = Type.Object(keyMembers, {
  $id: 'ApiKey',
  additionalProperties: false,
  description: 'An API key, without its value.',
  examples: [keyExample],
})
export type ApiKeyDocument = Static<typeof keySchema>

const { id, ...otherMembers } = keyMembers

/** A key with the value that is shown this once: the answer of creation and rotation. */
export const keyWithValueSchema = Type.Object(
  {
    // At the top, where who made a key in Swagger UI looks for it.
    id,
    value: Type.String({ description: 'What a client presents. Shown only now.' }),
    ...otherMembers,
  },
  {
    $id: 'ApiKeyWithValue',
    additionalProperties: false,
    description: 'An API key with its value, which is shown only once.',
    examples: [Object.assign({ id: keyExample.id, value: valueExample }, keyExample)],
  },
)

export type ApiKeyWithValue = Static<typeof keyWithValueSchema>

// A member with a default is always there once validated, so the types have it; `required` says what a client must send.
export const createKeySchema = Type.Object(
  {
    name,
    never_expires: Type.Boolean({
      default: false,
      description: 'If false, the key expires after the usual lifetime (15 days by default).',
    }),
    config: Type.Unsafe<Record<string, unknown>>({ ...config, default: {} }),
    allowed_referers: Type.Unsafe<string[]>({ ...allowedReferers, default: [] }),
    allowed_ips: Type.Unsafe<string[]>({ ...allowedIps, default: [] }),
    scopes: Type.Array(scope, {
      maxItems: 100,
      uniqueItems: true,
      default: ['inherit'],
      description: '`["inherit"]` means all that you may do; else some of your own rights.',
    }),
    note: Type.Unsafe<string>({ ...note, default: '' }),
    read_only: Type.Boolean({
      default: false,
      description: 'Whether the key may only read (GET, HEAD, OPTIONS).',
    }),
    expires_in: Type.Optional(
      Type.Integer({ minimum: 1, description: 'Seconds that the key lives, instead of the usual lifetime.' }),
    ),
    jwt: Type.Boolean({
      default: false,
      description:
        'Whether the key may sign JWTs: HS256, HS384 or HS512, `iss` is the id of the key, and the secret is the last part of its value, after the second underscore, as UTF-8. The service keeps the secret, sealed.',
    }),
  },
  {
    $id: 'CreateApiKey',
    additionalProperties: false,
    required: ['name'],
    examples: [{ name: 'Nightly ingestion', never_expires: false, config: {}, allowed_referers: [] }],
  },
)
export type CreateKey = Static<typeof createKeySchema>

export const updateKeySchema = Type.Object(
  {
    name: Type.Optional(name),
    note: Type.Optional(note),
    enabled: Type.Optional(Type.Boolean()),
    allowed_referers: Type.Optional(allowedReferers),
    allowed_ips: Type.Optional(allowedIps),
    config: Type.Optional(config),
  },
  {
    $id: 'UpdateApiKey',
    additionalProperties: false,
    minProperties: 1,
    examples: [{ note: 'Runs on node 7' }],
  },
)
export type UpdateKey = Static<typeof updateKeySchema>

export const revokeKeySchema = Type.Object(
  {
    permanent: Type.Boolean({ default: false, description: 'For a leaked key: it can never be renewed.' }),
  },
  { $id: 'RevokeApiKey', additionalProperties: false, required: [], examples: [{ permanent: false }] },
)
export type RevokeKey = Static<typeof revokeKeySchema>

export const renewKeySchema = Type.Object(
  {
    expires_at: Type.Optional(
      Type.String({
        format: 'date-time',
        description: 'When the key shall end. Default: the usual lifetime from now (15 days by default).',
      }),
    ),
  },
  { $id: 'RenewApiKey', additionalProperties: false, examples: [{}] },
)
export type RenewKey = Static<typeof renewKeySchema>

export const rotateKeySchema = Type.Object(
  {
    grace_seconds: Type.Integer({
      default: 0,
      minimum: 0,
      maximum: maxGraceSeconds,
      description: 'How long the old value goes on working.',
    }),
  },
  { $id: 'RotateApiKey', additionalProperties: false, required: [], examples: [{ grace_seconds: 3600 }] },
)
export type RotateKey = Static<typeof rotateKeySchema>

export const keyIdSchema = Type.String({
  pattern: '^[A-Za-z0-9.-]{1,64}$',
  description: 'The id of the key, not its value.',
})

export const keyParametersSchema = Type.Object({ id: keyIdSchema })

export const listKeysSchema = Type.Object(
  {
    status: Type.Optional(Type.Enum([...keyStatuses])),
    ...pageMembers,
  },
  { additionalProperties: false, required: [] },
)
export type ListKeys = Static<typeof listKeysSchema>

export const keyPageSchema = Type.Object(
  {
    items: Type.Array(ref(keySchema)),
    next_cursor: nullable(Type.String(), 'Asks for the next page; null at the end.'),
  },
  { $id: 'ApiKeyPage', additionalProperties: false },
)

/** The named components of the document, in an order in which each refers only to those before it. */
export const keySchemas = [
  keySchema,
  keyWithValueSchema,
  createKeySchema,
  updateKeySchema,
  revokeKeySchema,
  renewKeySchema,
  rotateKeySchema,
  keyPageSchema,
]
