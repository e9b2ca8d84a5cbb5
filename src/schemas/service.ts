import Type, { type Static, type TSchema } from 'typebox'
import {
  address,
  instant,
  nameLine,
  nullable,
  pageMembers,
  paragraph,
  ref,
  rightLine,
  textRule,
} from './common.js'
import { authorizationForwardings, ownerKinds, preflights } from './enums.js'
import { changeLimitsSchema, limitsSchema, setLimitsSchema } from './limits.js'

/** What declares an entry of the registry: an entry of the file is changed by the file alone. */
export const declarers = ['api', 'file'] as const
export type DeclaredBy = (typeof declarers)[number]

/** The longest that a service may take for the beginning of its answer: an hour. */
const maxTimeoutMs = 3_600_000

const id = (what: string) =>
  Type.String({
    pattern: '^[a-z0-9][a-z0-9-]{0,62}$',
    description: `Names the ${what} for ever; small letters, digits and hyphens.`,
  })
const name = Type.String({
  minLength: 1,
  maxLength: 100,
  ...nameLine,
  description: `Free text for people. ${textRule}`,
})
const right = Type.String({ minLength: 1, maxLength: 255, ...rightLine })
const rights = (description: string) => Type.Array(right, { maxItems: 100, uniqueItems: true, description })

const description = Type.String({
  maxLength: 1000,
  ...paragraph,
  description: `Free text for people. ${textRule}`,
})

const groupMembers = {
  id: id('group'),
  name,
  description,
  limits: limitsSchema,
}

const accessMembers = {
  scopes: rights('Rights that a caller must all have.'),
  write_scopes: rights('Those that methods but GET, HEAD and OPTIONS need as well.'),
  // With a type, because Ajv compares items of unknown types pair by pair.
  kinds: Type.Array(Type.Enum([...ownerKinds], { type: 'string' }), {
    minItems: 1,
    maxItems: ownerKinds.length,
    uniqueItems: true,
    description: 'Whose credentials are taken.',
  }),
}

const acceptMembers = {
  query: Type.Boolean({
    description: 'Whether `?api_key=` presents a key: for clients that can do nothing else.',
  }),
  cookie: Type.Boolean({ description: 'Whether the cookie `access_token` presents a key-signed JWT.' }),
  basic: Type.Boolean({ description: 'Whether `Authorization: Basic` presents a key.' }),
}

/** What a rule may hold beside this stands in `checkDescriptor`, because a pattern for all of it takes generators minutes. */
const pathRules = (description: string) =>
  Type.Array(Type.String({ maxLength: 200, pattern: "^/[A-Za-z0-9._~!$&'()*+,=:@/-]*$", ...address }), {
    maxItems: 100,
    uniqueItems: true,
    description,
    examples: [['/docs', '/static/*']],
  })

const descriptorMembers = {
  id: id('service'),
  name,
  group: id('service group'),
  // Neither escapes nor doubled slashes nor segments of dots alone: what is matched is a normalised path.
  prefix: Type.String({
    maxLength: 200,
    pattern: "^(/|(/\\.*[A-Za-z0-9_~!$&'()*+,=:@-][A-Za-z0-9._~!$&'()*+,=:@-]*)+)$",
    ...address,
    description: 'The path of the service at the gateway: whole segments, without a slash at the end.',
    examples: ['/auxip'],
  }),
  target: Type.String({
    maxLength: 2000,
    pattern: '^https?://',
    ...address,
    description:
      'Where the service is: an http or https URL, with a path where it has one, without credentials, query and fragment.',
    examples: ['http://auxip:8080'],
  }),
  strip_prefix: Type.Boolean({ description: 'Whether the service gets the path without the prefix.' }),
  enabled: Type.Boolean({
    description:
      'Whether calls reach the service. The paths of a disabled service are 404, also below the prefix of another.',
  }),
  access: Type.Object(accessMembers),
  accept: Type.Object(acceptMembers),
  forward_authorization: Type.Enum([...authorizationForwardings], {
    description:
      'Whether an `Authorization` that was checked is forwarded: `tokens` are OAuth2 tokens and key-signed JWTs, `all` is Basic too. The value of a key never is.',
  }),
  preflight: Type.Enum([...preflights], {
    description:
      'Who answers a CORS preflight, which carries no credential: the service, the gateway, or nobody.',
  }),
  public_paths: pathRules(
    'Paths below the prefix that GET and HEAD may read without a credential, as `/docs` or `/static/*`. A credential that comes along is checked all the same.',
  ),
  safe_posts: pathRules(
    'Paths below the prefix where POST only reads, as `/search`: a read-only key may send it, and it needs `scopes` alone.',
  ),
  timeout_ms: Type.Integer({
    minimum: 1,
    maximum: maxTimeoutMs,
    description: 'How long the service may take to begin its answer.',
  }),
  max_body_bytes: nullable(
    Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
    'The largest body of a request; null: any, since the gateway streams it and holds none of it.',
  ),
  openapi_url: nullable(
    Type.String({ maxLength: 2000, pattern: '^(https?://|/)[!-~]*$', ...address }),
    'Its OpenAPI document: an http or https URL, or a path below the target; null: none to show.',
  ),
}

/** What a descriptor means that does not name the member. */
export const descriptorDefaults: Omit<ServiceDescriptor, 'id' | 'name' | 'group' | 'prefix' | 'target'> = {
  strip_prefix: true,
  enabled: true,
  access: { scopes: [], write_scopes: [], kinds: [...ownerKinds] },
  accept: { query: false, cookie: true, basic: true },
  forward_authorization: 'tokens',
  preflight: 'forward',
  public_paths: [],
  safe_posts: [],
  timeout_ms: 30_000,
  max_body_bytes: null,
  openapi_url: null,
}

const groupExample = {
  id: 'processing',
  name: 'Processing services',
  description: '',
  limits: { per_second: 10, per_day: null, per_month: null },
}
const serviceExample = {
  id: 'auxip',
  name: 'Auxiliary data',
  group: 'processing',
  prefix: '/auxip',
  target: 'http://auxip:8080',
  ...descriptorDefaults,
}

/** A service as the gateway knows it, every member filled in. */
export const serviceDescriptorSchema = Type.Object(descriptorMembers)
export type ServiceDescriptor = Static<typeof serviceDescriptorSchema>

/** What a validated input without the member means. The type stays, since validation fills it in. */
const withDefault = <T extends TSchema>(schema: T, value: unknown) =>
  Type.Unsafe<Static<T>>({ ...schema, default: value })

export const createGroupSchema = Type.Object(
  { ...groupMembers, description: withDefault(description, ''), limits: setLimitsSchema },
  {
    $id: 'CreateServiceGroup',
    additionalProperties: false,
    required: ['id', 'name'],
    examples: [groupExample],
  },
)
export type CreateGroup = Static<typeof createGroupSchema>

export const updateGroupSchema = Type.Object(
  {
    name: Type.Optional(name),
    description: Type.Optional(description),
    limits: Type.Optional(changeLimitsSchema),
  },
  {
    $id: 'UpdateServiceGroup',
    additionalProperties: false,
    minProperties: 1,
    examples: [{ limits: { per_day: 1000 } }],
  },
)
export type UpdateGroup = Static<typeof updateGroupSchema>

const createAccess = Type.Object(
  {
    scopes: withDefault(accessMembers.scopes, descriptorDefaults.access.scopes),
    write_scopes: withDefault(accessMembers.write_scopes, descriptorDefaults.access.write_scopes),
    kinds: withDefault(accessMembers.kinds, descriptorDefaults.access.kinds),
  },
  { additionalProperties: false, required: [], default: descriptorDefaults.access },
)
const createAccept = Type.Object(
  {
    query: withDefault(acceptMembers.query, descriptorDefaults.accept.query),
    cookie: withDefault(acceptMembers.cookie, descriptorDefaults.accept.cookie),
    basic: withDefault(acceptMembers.basic, descriptorDefaults.accept.basic),
  },
  { additionalProperties: false, required: [], default: descriptorDefaults.accept },
)

export const createServiceSchema = Type.Object(
  {
    ...descriptorMembers,
    strip_prefix: withDefault(descriptorMembers.strip_prefix, descriptorDefaults.strip_prefix),
    enabled: withDefault(descriptorMembers.enabled, descriptorDefaults.enabled),
    access: createAccess,
    accept: createAccept,
    forward_authorization: withDefault(
      descriptorMembers.forward_authorization,
      descriptorDefaults.forward_authorization,
    ),
    preflight: withDefault(descriptorMembers.preflight, descriptorDefaults.preflight),
    public_paths: withDefault(descriptorMembers.public_paths, descriptorDefaults.public_paths),
    safe_posts: withDefault(descriptorMembers.safe_posts, descriptorDefaults.safe_posts),
    timeout_ms: withDefault(descriptorMembers.timeout_ms, descriptorDefaults.timeout_ms),
    max_body_bytes: withDefault(descriptorMembers.max_body_bytes, descriptorDefaults.max_body_bytes),
    openapi_url: withDefault(descriptorMembers.openapi_url, descriptorDefaults.openapi_url),
  },
  {
    $id: 'CreateService',
    additionalProperties: false,
    required: ['id', 'name', 'group', 'prefix', 'target'],
    examples: [serviceExample],
  },
)

export type CreateService = Static<typeof createServiceSchema>

const { id: _id, access: _access, accept: _accept, ...plainMembers } = descriptorMembers

export const updateServiceSchema = Type.Object(
  {
    ...Type.Partial(Type.Object(plainMembers)).properties,
    access: Type.Optional(
      Type.Partial(Type.Object(accessMembers), { additionalProperties: false, minProperties: 1 }),
    ),
    accept: Type.Optional(
      Type.Partial(Type.Object(acceptMembers), { additionalProperties: false, minProperties: 1 }),
    ),
  },
  {
    $id: 'UpdateService',
    additionalProperties: false,
    minProperties: 1,
    examples: [{ enabled: false }],
  },
)
export type UpdateService = Static<typeof updateServiceSchema>

const origin = Type.Enum([...declarers], {
  description: '`file`: made by the file of services, and changed only there.',
})
const createdAt = instant('When the entry was made.')
const shown = { origin: 'api', created_at: '2026-11-21T09:30:00.000Z' }

// What is told was checked when it came in: the serializer of answers knows no formats of ours, and warns of each.
const told = Type.String()
const toldRights = Type.Array(told)

export const groupSchema = Type.Object(
  { ...groupMembers, name: told, description: told, origin, created_at: createdAt },
  {
    $id: 'ServiceGroup',
    additionalProperties: false,
    description: 'Services that keys are authorised on together, and whose calls may be limited together.',
    examples: [{ ...groupExample, ...shown }],
  },
)
export type GroupDocument = Static<typeof groupSchema>

export const serviceSchema = Type.Object(
  {
    ...descriptorMembers,
    name: told,
    access: Type.Object({ ...accessMembers, scopes: toldRights, write_scopes: toldRights }),
    origin,
    created_at: createdAt,
  },
  {
    $id: 'Service',
    additionalProperties: false,
    description: 'A service behind the gateway.',
    examples: [{ ...serviceExample, ...shown }],
  },
)
export type ServiceDocument = Static<typeof serviceSchema>

const nextCursor = nullable(Type.String(), 'Asks for the next page; null at the end.')

export const listGroupsSchema = Type.Object({ ...pageMembers }, { additionalProperties: false, required: [] })
export const listServicesSchema = Type.Object(
  { group: Type.Optional(id('service group')), ...pageMembers },
  { additionalProperties: false, required: [] },
)
export type ListServices = Static<typeof listServicesSchema>
export const groupPageSchema = Type.Object(
  { items: Type.Array(ref(groupSchema)), next_cursor: nextCursor },
  { $id: 'ServiceGroupPage', additionalProperties: false },
)
export const servicePageSchema = Type.Object(
  { items: Type.Array(ref(serviceSchema)), next_cursor: nextCursor },
  { $id: 'ServicePage', additionalProperties: false },
)

export const groupParametersSchema = Type.Object({ id: id('group') })
export const serviceParametersSchema = Type.Object({ id: id('service') })

/** What `SERVICES_FILE` holds. */
export const servicesFileSchema = Type.Object(
  {
    groups: Type.Array(ref(createGroupSchema)),
    services: Type.Array(ref(createServiceSchema)),
  },
  { $id: 'ServicesFile', additionalProperties: false },
)
export type ServicesFile = Static<typeof servicesFileSchema>

/** The named components of the document, in an order in which each refers only to those before it. */
export const serviceSchemas = [
  groupSchema,
  createGroupSchema,
  updateGroupSchema,
  groupPageSchema,
  serviceSchema,
  createServiceSchema,
  updateServiceSchema,
  servicePageSchema,
]
