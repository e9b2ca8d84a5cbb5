import Type, { type Static } from 'typebox'
import { freeObject, instant, nullable } from './common.js'
import { principalExample, principalMembers } from './principal.js'

/** Why a key may not make a call: what decides it is in `bounds` and `principal`, but for the first and the limits. */
export const verdictCodes = [
  'invalid_credential',
  'referer_not_allowed',
  'address_not_allowed',
  'read_only_key',
  'insufficient_scope',
  'not_authorized_here',
  'rate_limited',
  'quota_exceeded',
] as const

/** What to send to `POST /api-keys/verify`. */
export const verifyKeySchema = Type.Object(
  {
    value: Type.String({
      minLength: 1,
      maxLength: 4096,
      description: 'The key, as the client presented it.',
    }),
    service: Type.Optional(
      Type.String({
        maxLength: 100,
        description:
          'The registered service that was called. Where it is missing: one that only keys for all services may call.',
      }),
    ),
    method: Type.Optional(
      Type.String({ maxLength: 32, description: 'Of the call. Where it is missing: one that writes.' }),
    ),
    client_ip: Type.Optional(
      Type.Union([Type.String({ format: 'ipv4' }), Type.String({ format: 'ipv6' })], {
        description: 'Where the call came from. Where it is missing: an address that no key allows.',
      }),
    ),
    referer: Type.Optional(
      Type.String({
        maxLength: 8192,
        description:
          '`Origin` of the call, else its `Referer`. Where it is missing: a page that no key allows.',
      }),
    ),
    scopes: Type.Optional(
      Type.Array(Type.String({ maxLength: 255 }), {
        maxItems: 100,
        description: 'Rights that the call needs, all of them.',
      }),
    ),
  },
  {
    $id: 'VerifyApiKey',
    additionalProperties: false,
    examples: [
      {
        value: 'lk_Zk3vQ9aB_3yPk0hQm5n2Qw8rT1sV7uX4zA6bC9dE0fG2hJ5kL8mN4HiJ2r',
        method: 'GET',
        client_ip: '192.0.2.7',
      },
    ],
  },
)
export type VerifyKey = Static<typeof verifyKeySchema>

const keyPrincipal = Type.Object(
  {
    ...principalMembers,
    config: freeObject({ description: 'Free JSON of the key.' }),
    key_id: Type.String({ description: 'Empty: the key of a single user, which does what a login does.' }),
  },
  {
    description: 'Whom the key acts for. There for every value that is good, also when this call is refused.',
  },
)

const bounds = Type.Object(
  {
    read_only: Type.Boolean(),
    allowed_referers: nullable(Type.Array(Type.String()), 'Null: any.'),
    allowed_ips: nullable(Type.Array(Type.String()), 'Addresses and CIDR ranges; null: any.'),
    expires_at: nullable(instant('When the key ends.'), 'Null: never.'),
    valid_until: nullable(
      instant('When this value stops to work: an earlier one of its key, within its grace.'),
      'Null: with the key.',
    ),
    authorized_here: Type.Optional(
      Type.Boolean({ description: 'Whether the key may call the service that was asked about.' }),
    ),
    limited: Type.Optional(
      Type.Boolean({
        description: 'Whether calls of that service with this key are counted: then ask for each.',
      }),
    ),
  },
  {
    description: 'What decides other calls with the same value, so that you need not ask for each.',
  },
)

const quota = Type.Object(
  {
    of: Type.Enum(['key', 'owner', 'group'], { description: 'Whose calls are counted together.' }),
    per: Type.Enum(['second', 'day', 'month']),
    limit: Type.Integer(),
    remaining: Type.Integer({ description: 'After this call.' }),
    resets_at: instant('When all are there again.'),
    window_seconds: Type.Number({ description: 'How long the second, day or month is that then ends.' }),
  },
  { description: 'What remains of one limit.' },
)

/**
 * The answer of `POST /api-keys/verify`. Open, since who asks may be older than who answers: what is not declared
 * is dropped here, and ignored there.
 */
export const keyVerdictSchema = Type.Object(
  {
    valid: Type.Boolean({ description: 'Whether the key may make this call.' }),
    code: Type.Optional(Type.Enum([...verdictCodes], { description: 'Why not, where it may not.' })),
    principal: Type.Optional(keyPrincipal),
    bounds: Type.Optional(bounds),
    limits: Type.Optional(
      Type.Array(quota, {
        description: 'Of a limited key: what remains of each limit that applies. A yes has counted one call.',
      }),
    ),
    retry_after_seconds: Type.Optional(
      Type.Integer({ minimum: 1, description: 'When to come back, where a limit refuses the call.' }),
    ),
    cache_seconds: Type.Integer({ minimum: 0, description: 'How long you may go on with this answer.' }),
    stale_if_error_seconds: Type.Integer({
      minimum: 0,
      description: 'How long, counted from this answer, where this service cannot be asked again.',
    }),
  },
  {
    $id: 'KeyVerdict',
    description: 'What holds of a key now.',
    examples: [
      {
        valid: true,
        principal: { ...principalExample, config: { project: 'demo' } },
        bounds: {
          read_only: false,
          allowed_referers: null,
          allowed_ips: null,
          expires_at: '2026-12-06T09:30:00.000Z',
          valid_until: null,
          authorized_here: true,
          limited: false,
        },
        cache_seconds: 5,
        stale_if_error_seconds: 60,
      },
    ],
  },
)
export type KeyVerdict = Static<typeof keyVerdictSchema>

export const verdictSchemas = [verifyKeySchema, keyVerdictSchema]
