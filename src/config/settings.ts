import Type, { type Static, type TProperties } from 'typebox'

/** Turns a setting off that has a value by default. */
export const off = 'off'
/** Empties a list that has items by default. */
export const none = 'none'
const text = (description: string, fallback?: string) =>
  Type.String({ description, ...(fallback === undefined ? {} : { default: fallback }) })
const count = (
  description: string,
  fallback: number,
  { minimum = 1, maximum = 1_000_000_000 }: { minimum?: number; maximum?: number } = {},
) => Type.Integer({ description, default: fallback, minimum, maximum })
/** Instants far beyond are ones that neither JavaScript nor a browser can tell. */
const [maxDays, maxHours] = [36_500, 8_784]
const flag = (description: string, fallback: boolean) => Type.Boolean({ description, default: fallback })
const list = (description: string) => Type.Array(Type.String(), { description })
/** A text of this form, told after "must" when one has another. */
const form = (pattern: string, must: string, options: { description: string; default?: string }) =>
  Type.String({ ...options, pattern, must })
const rate = (description: string, fallback: string) =>
  form(`^(${off}|[1-9][0-9]{0,8})$`, `be ${off} or a whole number from 1 to 999999999`, {
    description,
    default: fallback,
  })

/**
 * Every setting, by the name of its environment variable. Lists are separated by commas or spaces; an empty
 * variable is one that is not set. README's table and `.env.example` are checked against this.
 */
export const settings = {
  HOST: text('Address to listen on. A name stands for its first address, IPv4 before IPv6.', '127.0.0.1'),
  PORT: Type.Integer({ description: 'Port to listen on.', default: 3000, minimum: 1, maximum: 65535 }),
  PUBLIC_URL: Type.Optional(
    text(
      'Where people reach the service, with the path of a proxy if it adds one. Default: http://HOST:PORT.',
    ),
  ),
  DATA_DIR: text('Folder of the embedded database and of the generated secrets.', './data'),
  LOG_LEVEL: Type.Enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], {
    description: 'How much is logged: fatal, error, warn, info, debug, trace or silent.',
    default: 'info',
  }),
  GATEWAY_PORT: form(`^(${off}|[1-9][0-9]{0,4})$`, `be ${off} or a port`, {
    description: 'Port of the gateway, an origin of its own; `off`: no gateway.',
    default: '3001',
  }),
  GATEWAY_PUBLIC_URL: Type.Optional(
    text('Where clients reach the gateway. Default: http://HOST:GATEWAY_PORT.'),
  ),
  SERVICES_FILE: Type.Optional(
    text('JSON file of service groups and services behind the gateway; read at the start and on SIGHUP.'),
  ),
  GATEWAY_TARGETS: Type.Optional(
    list(
      'Hosts, addresses and CIDR ranges that services made through the API may have, or `file`: none but those of SERVICES_FILE. Default: every address but link-local, cloud metadata, multicast and unspecified ones.',
    ),
  ),
  SCOPES_FILE: Type.Optional(
    text(
      'JSON file of rights and what they mean, as {"right": "what it allows"}; read at the start and on SIGHUP.',
    ),
  ),
  API_KEYS_PROVIDER_FILE: Type.Optional(
    text(
      'JSON file that switches all API keys on or off, as {"name":"api-key","type":"api-key","disabled":false}; followed as it changes.',
    ),
  ),
  TRUST_PROXY: Type.Optional(list('Addresses or CIDR ranges whose X-Forwarded-* headers are believed.')),
  CORS_ORIGINS: Type.Optional(list('Origins of other sites whose scripts may call this service.')),
  SHUTDOWN_DELAY_SECONDS: count(
    'How long the service goes on after SIGTERM, not ready any more, so that balancers turn to others.',
    0,
    // With the 20 s of the end itself, 45 s.
    { minimum: 0, maximum: 25 },
  ),
  STALLED_CONNECTION_SECONDS: count(
    'How long a client or service may take or send fewer than 600 bytes while bytes wait for it, or a body is due from it.',
    60,
    { maximum: 86_400 },
  ),
  DATABASE_URL: Type.Optional(
    form('^postgres(ql)?://', 'begin with postgresql://', {
      description: 'PostgreSQL to keep the keys in. Default: the embedded database.',
    }),
  ),
  REDIS_URL: Type.Optional(
    form('^rediss?://', 'begin with redis:// or rediss://', {
      description:
        'Redis or Valkey that holds the limits which replicas share. Default: limits hold for one replica.',
    }),
  ),
  LIMITS_WHEN_REDIS_IS_DOWN: Type.Enum(['local', 'refuse'], {
    description:
      'Calls of limited keys without Redis: local (each replica goes on with its share of what remained) or refuse (503).',
    default: 'local',
  }),
  LIMIT_TOKENS: flag(
    'Whether calls with OAuth2 tokens count against the limits of their owner and of the service group, as calls with keys do. Those that manage keys never do.',
    false,
  ),
  QUOTA_TIME_ZONE: text('Time zone whose calendar days and months quotas are of.', 'UTC'),
  OIDC_ISSUER: Type.Optional(
    text('Issuer URL of the Keycloak realm. Default: the embedded identity provider, for development only.'),
  ),
  OIDC_CLIENT_ID: text("This service's own confidential client.", 'latchkey'),
  OIDC_CLIENT_SECRET: Type.Optional(text('Its secret; required with OIDC_ISSUER.')),
  OIDC_AUDIENCES: Type.Optional(
    list('APIs: an OAuth2 token is accepted whose `aud` holds one of them. Default: OIDC_CLIENT_ID.'),
  ),
  OIDC_AUTHORIZED_PARTIES: Type.Optional(
    list(
      'Clients: an OAuth2 token whose `azp` is one of them is accepted whatever its `aud`; `none`: `azp` never counts. Default: OIDC_CLIENT_ID, OIDC_SWAGGER_CLIENT_ID and OIDC_CLI_CLIENT_ID.',
    ),
  ),
  OIDC_MANAGEMENT_CLIENTS: Type.Optional(
    list(
      'Clients whose tokens may manage keys. Default: OIDC_CLIENT_ID, OIDC_SWAGGER_CLIENT_ID and OIDC_CLI_CLIENT_ID.',
    ),
  ),
  OIDC_SWAGGER_CLIENT_ID: text('Public client (PKCE) of Swagger UI.', 'latchkey-swagger'),
  OIDC_CLI_CLIENT_ID: text('Public client (PKCE, device flow) of the command line.', 'latchkey-cli'),
  OIDC_ATTRIBUTES: Type.Optional(
    list('Attributes of people, or claims of their tokens, that /me and the config of their keys carry.'),
  ),
  DIRECTORY_URL: Type.Optional(
    text(
      "Admin API of the realm. Default: OIDC_ISSUER's, as https://host/admin/realms/name; `off`: owners are not followed.",
    ),
  ),
  DIRECTORY_SYNC_SECONDS: count(
    'How soon what Keycloak says of owners holds for their keys: disabled, enabled, rights, attributes.',
    30,
    { maximum: 86_400 },
  ),
  DIRECTORY_MAX_STALE_SECONDS: count('How long keys go on when Keycloak cannot be asked about owners.', 3600),
  OWNER_DISABLED_POLICY: Type.Enum(['suspend', 'revoke'], {
    description:
      'Keys of someone who is disabled: suspend (they work again once enabled) or revoke (they do not).',
    default: 'suspend',
  }),
  SESSION_SECRET: Type.Optional(
    Type.String({
      description: 'Signs the cookies. Generated into DATA_DIR when embedded, required with DATABASE_URL.',
      minLength: 32,
    }),
  ),
  KEY_ENCRYPTION_SECRET: Type.Optional(
    Type.String({
      description:
        'Seals the secrets of keys that sign JWTs, and the keys that sign assertions. Generated into DATA_DIR when embedded; without it with DATABASE_URL there are neither.',
      minLength: 32,
    }),
  ),
  KEY_ENCRYPTION_SECRET_PREVIOUS: Type.Optional(
    Type.String({
      description: 'The one before, while it is being changed: it only opens what it sealed.',
      minLength: 32,
    }),
  ),
  SESSION_LIFETIME_HOURS: count('How long a login lasts in the browser.', 10, { maximum: maxHours }),
  // With a colon it could be the name of somebody's client role or group, which are told apart by theirs.
  ADMIN_ROLE: form('^(?!\\*$)[^:]+$', 'be a realm role without a colon, and not *', {
    description: 'Realm role of administrators; the embedded identity provider gives it to alice.',
    default: 'latchkey-admin',
  }),
  KEY_PREFIX: form('^[a-z][a-z0-9]{0,9}$', 'be a small letter and up to 9 more small letters or digits', {
    description: 'What every key begins with.',
    default: 'lk',
  }),
  KEY_LIFETIME_DAYS: count('How long a key lives unless its owner says otherwise.', 15, {
    maximum: maxDays,
  }),
  KEY_MAX_LIFETIME_DAYS: count('The longest life an owner may ask for.', 366, { maximum: maxDays }),
  ALLOW_NEVER_EXPIRES: flag('Whether keys may live for ever.', true),
  MAX_KEYS_PER_USER: count('Working keys that one person may hold.', 20),
  KEY_CHANGES_PER_HOUR: rate(
    'Keys and links that one owner may make in an hour, renewals and rotations counted too; `off` for load tests.',
    '200',
  ),
  DEFAULT_KEY_GROUPS: Type.Optional(
    list('Service groups that the new keys of people are authorised on. Default: all services.'),
  ),
  ALLOW_WEAK_IMPORTED_SECRETS: flag(
    'Whether administrators may import keys with secrets under 32 characters, or HMAC keys under 16 bytes.',
    false,
  ),
  VERDICT_MAX_STALE_SECONDS: count('How long keys in use go on when the database is down.', 60, {
    minimum: 0,
  }),
  LOGIN_RATE_PER_MINUTE: rate(
    'Logins that one address may start or fail in a minute; `off` for load tests.',
    '30',
  ),
  REFUSED_RATE_PER_MINUTE: rate(
    'Refused credentials after which an address must wait with values not seen before; `off` for load tests.',
    '60',
  ),
  SINGLE_USER: flag(
    'For one person on their own machine: no identity provider, and one key with all rights, which the start prints.',
    false,
  ),
  LATCHKEY_SINGLE_USER_API_KEY: Type.Optional(
    // Without a dot: as `Bearer` it must not look like a token.
    form('^[A-Za-z0-9_-]{32,200}$', 'be 32 to 200 letters, digits, underscores or hyphens', {
      description: 'The key of SINGLE_USER. Default: random at each start.',
    }),
  ),
  SINGLE_USER_ALLOW_REMOTE: flag(
    'Whether SINGLE_USER may listen where other machines reach it: whoever has the key has all rights.',
    false,
  ),
  IDENTITY_HEADER_PREFIX: form(
    '^[A-Za-z][A-Za-z0-9-]{0,30}$',
    'be a letter and up to 30 more letters, digits or hyphens',
    {
      description: 'Headers beginning so tell services who is calling; a client’s own are removed.',
      default: 'Latchkey',
    },
  ),
  HEADER_PREFIX: form(
    '^[A-Za-z][A-Za-z0-9-]{0,30}$',
    'be a letter and up to 30 more letters, digits or hyphens',
    {
      description:
        'Headers beginning so present keys (`-Client-Id`, `-Client-Secret`, `-Authorization`, `-Token`) and tell clients their quotas.',
      default: 'Otoroshi',
    },
  ),
  EXAMPLE_CATALOG: Type.Optional(
    Type.Boolean({ description: 'Whether /catalog is there. Default: only without OIDC_ISSUER.' }),
  ),
} satisfies TProperties

export const environment = Type.Object(settings)
/** The values of the settings, parsed and with their defaults. */
export type Environment = Static<typeof environment>
