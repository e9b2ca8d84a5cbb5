import Type, { type Static } from 'typebox'
import { address, instant, line, nullable, pageMembers, ref, searchLine } from './common.js'
import { ownerKinds, secretEncodings } from './enums.js'
import {
  createKeySchema,
  inputMembers,
  keyIdSchema,
  keySchema,
  keyStatuses,
  keyWithValueSchema,
  maxGraceSeconds,
} from './key.js'
import { changeLimitsSchema, limitsSchema, setLimitsSchema } from './limits.js'

const scopes = Type.Array(inputMembers.scope, { maxItems: 100, uniqueItems: true })
const ids = (description: string) =>
  Type.Array(Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,62}$' }), {
    maxItems: 100,
    uniqueItems: true,
    description,
  })
const groups = ids(
  'Service groups that the key is authorised on. A person’s key that names nothing is, on all.',
)
const services = ids('Single services that the key is authorised on.')

const secret = Type.String({
  minLength: 1,
  maxLength: 512,
  description: 'A secret that was made elsewhere. It goes on working as it was presented there, with the id.',
})
const secretEncoding = Type.Enum([...secretEncodings], {
  description: 'What the secret’s HMAC key is, for the JWTs that it signs. Default: its bytes as they are.',
})

/** A key with a server user of its own, or one that was made elsewhere. */
export const createAnyKeySchema = Type.Object(
  {
    ...createKeySchema.properties,
    scopes: Type.Optional(
      Type.Unsafe<string[]>({
        ...scopes,
        description:
          'Of a server key, the rights of its server user: default none; the realm role of administrators makes it one. Of a person’s, `["inherit"]` by default.',
      }),
    ),
    groups: Type.Unsafe<string[]>({ ...groups, default: [] }),
    services: Type.Unsafe<string[]>({ ...services, default: [] }),
    limits: setLimitsSchema,
    id: Type.Optional(
      Type.String({
        pattern: '^[A-Za-z0-9.-]{1,64}$',
        ...address,
        description: 'Of an imported key: its own id, not dots alone.',
      }),
    ),
    secret: Type.Optional(secret),
    secret_encoding: Type.Optional(secretEncoding),
    value_sha256: Type.Optional(
      Type.String({
        pattern: '^([0-9a-fA-F]{64}|[A-Za-z0-9_-]{43}=?)$',
        description:
          'SHA-256, in hex or base64url, of a value that was made elsewhere, which goes on working.',
      }),
    ),
    owner: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 255,
        ...line,
        ...address,
        description:
          'Of an imported key: the subject of the person that it acts for. Default: a server user of its own.',
      }),
    ),
  },
  {
    $id: 'CreateAnyApiKey',
    additionalProperties: false,
    required: ['name'],
    examples: [
      {
        name: 'Ingestion server',
        scopes: ['rspy-user'],
        limits: { per_second: 10, per_day: 10_000, per_month: null },
      },
    ],
  },
)
export type CreateAnyKey = Static<typeof createAnyKeySchema>

/** The answer to it. */
export const createdKeySchema = Type.Object(
  {
    ...keyWithValueSchema.properties,
    value: nullable(Type.String(), 'What a client presents, shown only now; null: it was made elsewhere.'),
  },
  {
    $id: 'CreatedApiKey',
    additionalProperties: false,
    description: 'An API key that an administrator made or imported.',
  },
)

export type CreatedKey = Static<typeof createdKeySchema>

/** What its owner may change of a key, and what an administrator alone may. */
export const changeAnyKeySchema = Type.Object(
  {
    name: Type.Optional(inputMembers.name),
    note: Type.Optional(inputMembers.note),
    enabled: Type.Optional(
      Type.Boolean({ description: 'What an administrator disabled its owner cannot enable.' }),
    ),
    allowed_referers: Type.Optional(inputMembers.allowedReferers),
    allowed_ips: Type.Optional(inputMembers.allowedIps),
    config: Type.Optional(inputMembers.config),
    scopes: Type.Optional(
      Type.Unsafe<string[]>({
        ...scopes,
        description:
          'Of a server key, the rights of its server user; of a person’s, those it may use while they have them.',
      }),
    ),
    read_only: Type.Optional(Type.Boolean()),
    groups: Type.Optional(groups),
    services: Type.Optional(services),
    limits: Type.Optional(changeLimitsSchema),
    expires_at: Type.Optional(
      nullable(
        Type.String({ format: 'date-time' }),
        'When the key shall end, which its owner then cannot move further; null: never.',
      ),
    ),
    secret: Type.Optional(
      Type.Unsafe<string>({ ...secret, description: 'Of an imported key: another one.' }),
    ),
    secret_encoding: Type.Optional(secretEncoding),
    grace_seconds: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: maxGraceSeconds,
        description: 'How long the secret before goes on working. Default 0.',
      }),
    ),
  },
  {
    $id: 'ChangeAnyApiKey',
    additionalProperties: false,
    minProperties: 1,
    examples: [{ limits: { per_day: 1000 }, groups: [], read_only: true }],
  },
)
export type ChangeAnyKey = Static<typeof changeAnyKeySchema>

const subject = Type.String({ minLength: 1, maxLength: 255, ...line })

export const listAllKeysSchema = Type.Object(
  {
    owner: Type.Optional(Type.Unsafe<string>({ ...subject, description: 'Subject of the owner.' })),
    kind: Type.Optional(Type.Enum([...ownerKinds])),
    status: Type.Optional(Type.Enum([...keyStatuses])),
    group: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 63,
        ...line,
        description: 'Keys that name this service group.',
      }),
    ),
    q: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 100,
        ...searchLine,
        description: 'Part of the name, the note, the login or the id, in any case.',
      }),
    ),
    ...pageMembers,
  },
  { additionalProperties: false, required: [] },
)
export type ListAllKeys = Static<typeof listAllKeysSchema>

export const subjectParametersSchema = Type.Object({
  subject: Type.Unsafe<string>({
    ...subject,
    description: 'Of a person at the identity provider, or `server:<id>`.',
  }),
})

/** Nothing to choose; a member would be one that is not heeded. */
export const revokeAllKeysSchema = Type.Object(
  {},
  { $id: 'RevokeAllApiKeys', additionalProperties: false, examples: [{}] },
)

export const revokedKeysSchema = Type.Object(
  { revoked: Type.Array(Type.String(), { description: 'The ids of the keys that this has revoked.' }) },
  { $id: 'RevokedKeys', additionalProperties: false, examples: [{ revoked: ['Zk3vQ9aB'] }] },
)

export const revokeManyKeysSchema = Type.Object(
  {
    ids: Type.Array(keyIdSchema, {
      minItems: 1,
      maxItems: 200,
      description: 'Ids of keys of anyone, not their values; all of them are revoked, or none.',
    }),
  },
  { $id: 'RevokeApiKeys', additionalProperties: false, examples: [{ ids: ['Zk3vQ9aB'] }] },
)
export type RevokeManyKeys = Static<typeof revokeManyKeysSchema>

export const manyRevokedKeysSchema = Type.Object(
  {
    ...revokedKeysSchema.properties,
    items: Type.Array(ref(keySchema), { description: 'Each named key as it is now, in the order of `ids`.' }),
  },
  { $id: 'ManyRevokedKeys', additionalProperties: false },
)
export type ManyRevokedKeys = Static<typeof manyRevokedKeysSchema>

const limitsExample = { per_second: 10, per_day: 10_000, per_month: null }

export const ownerLimitsSchema = Type.Object(limitsSchema.properties, {
  $id: 'OwnerLimits',
  additionalProperties: false,
  description: 'Limits over the calls with all keys of an owner; null: any number.',
  examples: [limitsExample],
})
export type OwnerLimitsDocument = Static<typeof ownerLimitsSchema>

export const setOwnerLimitsSchema = Type.Object(setLimitsSchema.properties, {
  $id: 'SetOwnerLimits',
  additionalProperties: false,
  required: [],
  description: 'All limits of the owner: what is left out is unlimited.',
  examples: [limitsExample],
})

const quota = Type.Object({
  party: Type.String({ description: 'Whose calls are counted: `key:<id>` or `owner:<subject>`.' }),
  per: Type.Enum(['second', 'day', 'month']),
  limit: Type.Integer(),
  used: Type.Integer(),
  remaining: Type.Integer(),
  resets_at: instant('When the counter begins anew.'),
})

export const keyQuotasSchema = Type.Object(
  {
    limits: Type.Object(limitsSchema.properties, { description: 'Of the key.' }),
    owner_limits: Type.Object(limitsSchema.properties, { description: 'Over all keys of its owner.' }),
    quotas: Type.Array(quota, { description: 'What remains of each limit.' }),
  },
  {
    $id: 'KeyQuotas',
    additionalProperties: false,
    examples: [
      {
        limits: limitsExample,
        owner_limits: { per_second: null, per_day: null, per_month: null },
        quotas: [
          {
            party: 'key:Zk3vQ9aB',
            per: 'day',
            limit: 10_000,
            used: 17,
            remaining: 9983,
            resets_at: '2026-11-22T00:00:00.000Z',
          },
        ],
      },
    ],
  },
)
export type KeyQuotas = Static<typeof keyQuotasSchema>

export const providerSchema = Type.Object(
  {
    name: Type.Literal('api-key'),
    type: Type.Literal('api-key'),
    disabled: Type.Boolean({ description: 'Whether every API key is refused, and none can be made.' }),
  },
  {
    $id: 'Provider',
    additionalProperties: false,
    description: 'Whether API keys are a way to authenticate here.',
    examples: [{ name: 'api-key', type: 'api-key', disabled: false }],
  },
)
export type Provider = Static<typeof providerSchema>

/** The named components of the document, in an order in which each refers only to those before it. */
export const adminSchemas = [
  createAnyKeySchema,
  createdKeySchema,
  changeAnyKeySchema,
  revokeAllKeysSchema,
  revokedKeysSchema,
  revokeManyKeysSchema,
  manyRevokedKeysSchema,
  ownerLimitsSchema,
  setOwnerLimitsSchema,
  keyQuotasSchema,
  providerSchema,
]
