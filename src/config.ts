import { isIP } from 'node:net'
import { Ajv, type ErrorObject } from 'ajv'
import Type, { type Static, type TProperties } from 'typebox'
import { isIpRange, isLoopback } from './addresses.js'

const off = 'off'
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
  HOST: text('Address to listen on.', '127.0.0.1'),
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
  QUOTA_TIME_ZONE: text('Time zone whose calendar days and months quotas are of.', 'UTC'),
  OIDC_ISSUER: Type.Optional(
    text('Issuer URL of the Keycloak realm. Default: the embedded identity provider, for development only.'),
  ),
  OIDC_CLIENT_ID: text("This service's own confidential client.", 'latchkey'),
  OIDC_CLIENT_SECRET: Type.Optional(text('Its secret; required with OIDC_ISSUER.')),
  OIDC_AUDIENCES: Type.Optional(
    list(
      'Accepted in `aud` or `azp` of an OAuth2 token. Default: OIDC_CLIENT_ID, OIDC_SWAGGER_CLIENT_ID and OIDC_CLI_CLIENT_ID.',
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

const environment = Type.Object(settings)
type Environment = Static<typeof environment>

/** Tells every fault of the environment at once, by the names of the variables and without their values. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  constructor(readonly faults: string[]) {
    super(
      `The service cannot start, its settings are wrong:\n${[...new Set(faults)].map((fault) => `  - ${fault}`).join('\n')}`,
    )
  }
}

/** The process's environment, completed from `.env` in the working folder; the environment wins. */
export function readEnvironment(): NodeJS.ProcessEnv {
  try {
    process.loadEnvFile()
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'ENOENT')
      throw new ConfigError([`the file .env cannot be read (${code ?? 'unknown reason'})`])
  }
  return process.env
}

/**
 * Reads and checks the settings.
 * @param env as `process.env`; unknown variables are left alone
 * @throws ConfigError naming every fault
 */
export function loadConfig(env: NodeJS.ProcessEnv) {
  const faults: string[] = []
  const values = parseEnvironment(env, faults)
  const publicUrl = parseUrl(
    'PUBLIC_URL',
    values.PUBLIC_URL ?? `http://${urlHost(values.HOST)}:${values.PORT}`,
    faults,
  )
  const gateway = parseGateway(values, publicUrl, faults)
  if (values.OIDC_ISSUER !== undefined) parseUrl('OIDC_ISSUER', values.OIDC_ISSUER, faults)
  if (values.DIRECTORY_URL !== undefined && values.DIRECTORY_URL !== off)
    parseUrl('DIRECTORY_URL', values.DIRECTORY_URL, faults)
  checkEmbedded(values, publicUrl, env.NODE_ENV, faults)
  checkSingleUser(values, { env, publicUrl, gateway }, faults)
  checkProduction(values, faults)
  checkLists(values, faults)
  checkHeaderPrefixes(values, faults)
  if (!isTimeZone(values.QUOTA_TIME_ZONE)) faults.push('QUOTA_TIME_ZONE must be a time zone as Europe/Paris')
  if (values.KEY_ENCRYPTION_SECRET_PREVIOUS !== undefined && values.KEY_ENCRYPTION_SECRET === undefined) {
    faults.push('KEY_ENCRYPTION_SECRET_PREVIOUS needs KEY_ENCRYPTION_SECRET, which seals what is new')
  }
  if (values.KEY_LIFETIME_DAYS > values.KEY_MAX_LIFETIME_DAYS) {
    faults.push('KEY_LIFETIME_DAYS must not be more than KEY_MAX_LIFETIME_DAYS')
  }
  if (values.DIRECTORY_SYNC_SECONDS > values.DIRECTORY_MAX_STALE_SECONDS) {
    faults.push('DIRECTORY_MAX_STALE_SECONDS must not be less than DIRECTORY_SYNC_SECONDS')
  }
  if (faults.length > 0 || publicUrl === undefined) throw new ConfigError(faults)

  const ownClients = [values.OIDC_CLIENT_ID, values.OIDC_SWAGGER_CLIENT_ID, values.OIDC_CLI_CLIENT_ID]
  return {
    host: values.HOST,
    port: values.PORT,
    /** Without a trailing slash. */
    publicUrl: publicUrl.origin + publicUrl.pathname.replace(/\/+$/, ''),
    /** Null: there is none. */
    gateway,
    /** Undefined: groups and services come through the API alone. */
    servicesFile: values.SERVICES_FILE,
    /** Undefined: rights have no descriptions. */
    scopesFile: values.SCOPES_FILE,
    /** Undefined: administrators switch API keys on and off. */
    providerFile: values.API_KEYS_PROVIDER_FILE,
    dataDir: values.DATA_DIR,
    logLevel: values.LOG_LEVEL,
    trustProxy: values.TRUST_PROXY ?? [],
    corsOrigins: values.CORS_ORIGINS ?? [],
    databaseUrl: values.DATABASE_URL,
    /** Undefined: the embedded identity provider. */
    issuer: values.OIDC_ISSUER?.replace(/\/$/, ''),
    clientId: values.OIDC_CLIENT_ID,
    clientSecret: values.OIDC_CLIENT_SECRET,
    swaggerClientId: values.OIDC_SWAGGER_CLIENT_ID,
    cliClientId: values.OIDC_CLI_CLIENT_ID,
    audiences: values.OIDC_AUDIENCES ?? ownClients,
    managementClients: values.OIDC_MANAGEMENT_CLIENTS ?? ownClients,
    attributes: values.OIDC_ATTRIBUTES ?? [],
    directory: {
      /** Undefined: derived from the issuer. */
      url: values.DIRECTORY_URL?.replace(/\/+$/, ''),
      syncMs: values.DIRECTORY_SYNC_SECONDS * 1000,
      maxStaleMs: values.DIRECTORY_MAX_STALE_SECONDS * 1000,
      policy: values.OWNER_DISABLED_POLICY,
    },
    limits: {
      /** Undefined: in this process alone. */
      redisUrl: values.REDIS_URL,
      whenRedisIsDown: values.LIMITS_WHEN_REDIS_IS_DOWN,
      timeZone: values.QUOTA_TIME_ZONE,
    },
    /** Null: people log in at an identity provider. */
    singleUser: values.SINGLE_USER
      ? {
          /** Undefined: random at each start. */
          apiKey: values.LATCHKEY_SINGLE_USER_API_KEY,
          mayBeRemote: values.SINGLE_USER_ALLOW_REMOTE,
        }
      : null,
    sessionSecret: values.SESSION_SECRET,
    /** The first seals, all open. Empty: generated when embedded, else nothing can be sealed. */
    encryptionSecrets: [values.KEY_ENCRYPTION_SECRET, values.KEY_ENCRYPTION_SECRET_PREVIOUS].filter(
      (secret) => secret !== undefined,
    ),
    sessionLifetimeMs: values.SESSION_LIFETIME_HOURS * 3_600_000,
    adminRole: values.ADMIN_ROLE,
    keys: {
      prefix: values.KEY_PREFIX,
      lifetimeDays: values.KEY_LIFETIME_DAYS,
      maxLifetimeDays: values.KEY_MAX_LIFETIME_DAYS,
      allowNeverExpires: values.ALLOW_NEVER_EXPIRES,
      maxPerUser: values.MAX_KEYS_PER_USER,
      defaultGroups: values.DEFAULT_KEY_GROUPS ?? [],
      allowWeakSecrets: values.ALLOW_WEAK_IMPORTED_SECRETS,
    },
    verdictMaxStaleMs: values.VERDICT_MAX_STALE_SECONDS * 1000,
    /** Infinity: off. */
    loginRatePerMinute: parseRate(values.LOGIN_RATE_PER_MINUTE),
    refusedRatePerMinute: parseRate(values.REFUSED_RATE_PER_MINUTE),
    identityHeaderPrefix: values.IDENTITY_HEADER_PREFIX,
    headerPrefix: values.HEADER_PREFIX,
    exampleCatalog: values.EXAMPLE_CATALOG ?? values.OIDC_ISSUER === undefined,
  }
}

export type Config = ReturnType<typeof loadConfig>

/** Null: there is no gateway. */
function parseGateway(values: Environment, publicUrl: URL | undefined, faults: string[]) {
  if (values.GATEWAY_PORT === off) return null
  const port = Number(values.GATEWAY_PORT)
  if (port > 65_535) faults.push('GATEWAY_PORT must be at most 65535')
  if (port === values.PORT) faults.push('GATEWAY_PORT must not be PORT: the gateway has an origin of its own')
  const url = parseUrl(
    'GATEWAY_PUBLIC_URL',
    values.GATEWAY_PUBLIC_URL ?? `http://${urlHost(values.HOST)}:${values.GATEWAY_PORT}`,
    faults,
  )
  // A script that a protected service serves must not be of the site that holds the session.
  if (url !== undefined && url.origin === publicUrl?.origin) {
    faults.push('GATEWAY_PUBLIC_URL must be of another origin than PUBLIC_URL')
  }
  return { port, publicUrl: url === undefined ? '' : url.origin + url.pathname.replace(/\/+$/, '') }
}

const ajv = new Ajv({
  allErrors: true,
  coerceTypes: true,
  useDefaults: true,
  removeAdditional: false,
  keywords: ['must'],
})
const validateEnvironment = ajv.compile(environment)

function parseEnvironment(env: NodeJS.ProcessEnv, faults: string[]): Environment {
  const values: Record<string, unknown> = {}
  for (const [name, schema] of Object.entries(settings)) {
    const value = env[name]?.trim()
    if (value === undefined || value === '') continue
    const items = value.split(/[\s,]+/).filter((item) => item !== '')
    if (!('items' in schema)) values[name] = value
    else if (items.length > 0) values[name] = items
  }
  if (!validateEnvironment(values)) {
    for (const error of validateEnvironment.errors ?? []) {
      const [, name = ''] = error.instancePath.split('/')
      const { default: fallback, must } = Reflect.get(settings, name) ?? {}
      faults.push(`${name} must ${must ?? describeDemand(error)}`)
      // The checks to come go on with the default, so that one start tells every fault.
      if (fallback !== undefined) values[name] = fallback
    }
  }
  // Checked just above; the caller throws when there are faults.
  return values as Environment
}

/** What the schema demands, in the words of whoever sets a variable, who sees neither JSON nor its types. */
function describeDemand({ keyword, params }: ErrorObject): string {
  if (keyword === 'enum') return `be ${listAlternatives(params.allowedValues)}`
  if (keyword === 'minLength') return `have at least ${params.limit} characters`
  if (keyword === 'minimum') return `be at least ${params.limit}`
  if (keyword === 'maximum') return `be at most ${params.limit}`
  if (params.type === 'integer') return 'be a whole number'
  if (params.type === 'boolean') return 'be true or false'
  return 'be as README tells'
}

const listAlternatives = (values: string[]) => values.join(', ').replace(/, ([^,]+)$/, ' or $1')

function parseUrl(name: string, value: string, faults: string[]): URL | undefined {
  const url = URL.canParse(value) ? new URL(value) : undefined
  if (
    url !== undefined &&
    /^https?:$/.test(url.protocol) &&
    url.search + url.hash + url.username + url.password === ''
  )
    return url
  faults.push(`${name} must be an http or https URL without query, fragment or credentials`)
  return undefined
}

/** The embedded identity provider has known passwords: nothing outside this machine may reach it. */
function checkEmbedded(
  values: Environment,
  publicUrl: URL | undefined,
  nodeEnv: string | undefined,
  faults: string[],
) {
  if (values.OIDC_ISSUER !== undefined || values.SINGLE_USER) return
  const why = 'OIDC_ISSUER is required'
  if (values.DATABASE_URL !== undefined) faults.push(`${why} with DATABASE_URL`)
  if (values.DIRECTORY_URL !== undefined) faults.push(`${why} with DIRECTORY_URL`)
  if (!isLoopback(values.HOST)) faults.push(`${why} when HOST is not a loopback address`)
  if (publicUrl !== undefined && !isLoopback(publicUrl.hostname)) {
    faults.push(`${why} when PUBLIC_URL is not on a loopback address`)
  }
  if (nodeEnv === 'production') faults.push(`${why} when NODE_ENV is production`)
}

/** Nobody logs in, so nothing may be set that only logins need; and whoever has the one key has everything. */
function checkSingleUser(
  values: Environment,
  given: { env: NodeJS.ProcessEnv; publicUrl: URL | undefined; gateway: Config['gateway'] },
  faults: string[],
) {
  const own = ['LATCHKEY_SINGLE_USER_API_KEY', 'SINGLE_USER_ALLOW_REMOTE'] as const
  if (!values.SINGLE_USER) {
    for (const name of own) if (values[name]) faults.push(`${name} is only for SINGLE_USER`)
    return
  }
  const ofLogins = Object.keys(settings).filter((name) => /^OIDC_|^DIRECTORY_URL$|^DATABASE_URL$/.test(name))
  for (const name of ofLogins) {
    if (given.env[name]?.trim()) faults.push(`${name} must not be set with SINGLE_USER`)
  }
  if (values.SINGLE_USER_ALLOW_REMOTE) return
  const why = 'SINGLE_USER_ALLOW_REMOTE is required with SINGLE_USER'
  if (!isLoopback(values.HOST)) faults.push(`${why} when HOST is not a loopback address`)
  if (given.publicUrl !== undefined && !isLoopback(given.publicUrl.hostname)) {
    faults.push(`${why} when PUBLIC_URL is not on a loopback address`)
  }
  const gatewayUrl = given.gateway?.publicUrl ?? ''
  if (URL.canParse(gatewayUrl) && !isLoopback(new URL(gatewayUrl).hostname)) {
    faults.push(`${why} when GATEWAY_PUBLIC_URL is not on a loopback address`)
  }
}

function checkProduction(values: Environment, faults: string[]) {
  if (values.OIDC_ISSUER !== undefined && values.OIDC_CLIENT_SECRET === undefined) {
    faults.push('OIDC_CLIENT_SECRET is required with OIDC_ISSUER')
  }
  if (values.DATABASE_URL !== undefined && values.SESSION_SECRET === undefined) {
    faults.push('SESSION_SECRET is required with DATABASE_URL (all replicas share it)')
  }
  if (values.PUBLIC_URL === undefined && /^(0\.0\.0\.0|::)$/.test(values.HOST)) {
    faults.push('PUBLIC_URL is required when HOST means every address')
  }
}

/** Headers that begin so are removed from requests: prefixes of other names would take those away as well. */
function checkHeaderPrefixes(values: Environment, faults: string[]) {
  const taken = /^(x|x-(api|forwarded|real)|content|sec|accept|cache|if|user|transfer|proxy)$/i
  const [identity, header] = [values.IDENTITY_HEADER_PREFIX, values.HEADER_PREFIX].map((prefix) =>
    prefix.toLowerCase(),
  ) as [string, string]
  if (taken.test(identity)) faults.push('IDENTITY_HEADER_PREFIX must not be how other headers begin')
  if (taken.test(header)) faults.push('HEADER_PREFIX must not be how other headers begin')
  if (`${identity}-`.startsWith(`${header}-`) || `${header}-`.startsWith(`${identity}-`)) {
    faults.push('IDENTITY_HEADER_PREFIX must not be how the headers of HEADER_PREFIX begin')
    faults.push('HEADER_PREFIX must not be how the headers of IDENTITY_HEADER_PREFIX begin')
  }
}

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name })
    return true
  } catch {
    return false
  }
}

function checkLists(values: Environment, faults: string[]) {
  for (const range of values.TRUST_PROXY ?? []) {
    if (!isIpRange(range)) faults.push('TRUST_PROXY must list addresses or CIDR ranges, not a number of hops')
  }
  for (const origin of values.CORS_ORIGINS ?? []) {
    if (!URL.canParse(origin) || new URL(origin).origin !== origin) {
      faults.push('CORS_ORIGINS must list origins like https://portal.example.org')
    }
  }
}

const urlHost = (host: string) => (isIP(host) === 6 ? `[${host}]` : host)
const parseRate = (value: string) => (value === off ? Number.POSITIVE_INFINITY : Number(value))
