import { trimSlashes } from '../urls.js'
import { type CheckedSettings, checkSettings } from './checks.js'
import { parseEnvironment, parseRate, parseUrl, urlHost } from './parse.js'
import { type Environment, none, off } from './settings.js'

/** The settings as the service uses them. */
export type Config = ReturnType<typeof describeConfig>

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
export function loadConfig(env: NodeJS.ProcessEnv): Config {
  const faults: string[] = []
  const values = parseEnvironment(env, faults)
  const publicUrl = parseUrl(
    'PUBLIC_URL',
    values.PUBLIC_URL ?? `http://${urlHost(values.HOST)}:${values.PORT}`,
    faults,
  )
  const gateway = parseGateway(values, faults)
  if (values.OIDC_ISSUER !== undefined) parseUrl('OIDC_ISSUER', values.OIDC_ISSUER, faults)
  if (values.DIRECTORY_URL !== undefined && values.DIRECTORY_URL !== off)
    parseUrl('DIRECTORY_URL', values.DIRECTORY_URL, faults)
  faults.push(...checkSettings({ values, env, publicUrl, gateway }))
  if (faults.length > 0 || publicUrl === undefined) throw new ConfigError(faults)
  return describeConfig(values, publicUrl, gateway)
}

function describeConfig(values: Environment, publicUrl: URL, gateway: CheckedSettings['gateway']) {
  const ownClients = [values.OIDC_CLIENT_ID, values.OIDC_SWAGGER_CLIENT_ID, values.OIDC_CLI_CLIENT_ID]
  return {
    host: values.HOST,
    port: values.PORT,
    /** Without a trailing slash. */
    publicUrl: publicUrl.origin + trimSlashes(publicUrl.pathname),
    /** Null: there is none. */
    gateway,
    /** Undefined: groups and services come through the API alone. */
    servicesFile: values.SERVICES_FILE,
    /** Undefined: every address but reserved ones. */
    gatewayTargets: values.GATEWAY_TARGETS,
    /** Undefined: rights have no descriptions. */
    scopesFile: values.SCOPES_FILE,
    /** Undefined: administrators switch API keys on and off. */
    keySwitchFile: values.API_KEYS_PROVIDER_FILE,
    dataDir: values.DATA_DIR,
    logLevel: values.LOG_LEVEL,
    trustProxy: values.TRUST_PROXY ?? [],
    corsOrigins: values.CORS_ORIGINS ?? [],
    shutdownDelayMs: values.SHUTDOWN_DELAY_SECONDS * 1000,
    stalledConnectionMs: values.STALLED_CONNECTION_SECONDS * 1000,
    databaseUrl: values.DATABASE_URL,
    /** Undefined: the embedded identity provider. */
    issuer: values.OIDC_ISSUER?.replace(/\/$/, ''),
    clientId: values.OIDC_CLIENT_ID,
    clientSecret: values.OIDC_CLIENT_SECRET,
    swaggerClientId: values.OIDC_SWAGGER_CLIENT_ID,
    cliClientId: values.OIDC_CLI_CLIENT_ID,
    audiences: values.OIDC_AUDIENCES ?? [values.OIDC_CLIENT_ID],
    /** Empty: `azp` never counts. */
    authorizedParties: (values.OIDC_AUTHORIZED_PARTIES ?? ownClients).filter((client) => client !== none),
    /** Null: OIDC_AUDIENCES means what it meant before OIDC_AUTHORIZED_PARTIES was there. */
    changedParties: compareParties(values, ownClients),
    managementClients: values.OIDC_MANAGEMENT_CLIENTS ?? ownClients,
    attributes: values.OIDC_ATTRIBUTES ?? [],
    directory: {
      /** Undefined: derived from the issuer. */
      url: values.DIRECTORY_URL && trimSlashes(values.DIRECTORY_URL),
      syncMs: values.DIRECTORY_SYNC_SECONDS * 1000,
      maxStaleMs: values.DIRECTORY_MAX_STALE_SECONDS * 1000,
      policy: values.OWNER_DISABLED_POLICY,
    },
    limits: {
      /** Undefined: in this process alone. */
      redisUrl: values.REDIS_URL,
      whenRedisIsDown: values.LIMITS_WHEN_REDIS_IS_DOWN,
      timeZone: values.QUOTA_TIME_ZONE,
      countTokens: values.LIMIT_TOKENS,
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
      /** Infinity: off. */
      changesPerHour: parseRate(values.KEY_CHANGES_PER_HOUR),
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

/**
 * Compares by which `azp` a token is accepted now and before: then OIDC_AUDIENCES counted for both claims.
 * @returns null where nothing changed
 */
function compareParties(
  { OIDC_AUDIENCES: audiences, OIDC_AUTHORIZED_PARTIES: parties }: Environment,
  ownClients: readonly string[],
) {
  if (audiences === undefined || parties !== undefined) return null
  const refused = audiences.filter((name) => !ownClients.includes(name))
  const accepted = ownClients.filter((name) => !audiences.includes(name))
  return refused.length + accepted.length === 0 ? null : { refused, accepted }
}

/** Null: there is no gateway. */
function parseGateway(values: Environment, faults: string[]): CheckedSettings['gateway'] {
  if (values.GATEWAY_PORT === off) return null
  const url = parseUrl(
    'GATEWAY_PUBLIC_URL',
    values.GATEWAY_PUBLIC_URL ?? `http://${urlHost(values.HOST)}:${values.GATEWAY_PORT}`,
    faults,
  )
  const publicUrl = url === undefined ? '' : url.origin + trimSlashes(url.pathname)
  return { port: Number(values.GATEWAY_PORT), publicUrl }
}
