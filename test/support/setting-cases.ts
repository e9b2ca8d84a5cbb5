import type { Config } from '../../src/config/load.js'
import type { settings } from '../../src/config/settings.js'

export const withIssuer = { OIDC_ISSUER: 'https://sso.example.org/realms/r', OIDC_CLIENT_SECRET: 'hush-hush' }

const inProduction = {
  ...withIssuer,
  DATABASE_URL: 'postgresql://u:pw@db/latchkey',
  SESSION_SECRET: 's'.repeat(32),
}

export interface Case {
  default: unknown
  read: (config: Config) => unknown
  valid: [text: string, value: unknown][]
  invalid: string[]
  /** What the other settings are, where the default of them would not allow this one. */
  beside?: NodeJS.ProcessEnv
}

const ownClients = ['latchkey', 'latchkey-swagger', 'latchkey-cli']
const hours = 3_600_000
const rate = (read: Case['read'], fallback: number): Case => ({
  default: fallback,
  read,
  valid: [
    ['5', 5],
    ['off', Number.POSITIVE_INFINITY],
  ],
  invalid: ['0', '-1', '1.5', 'none', 'OFF'],
})
const flag = (read: Case['read'], fallback: boolean): Case => ({
  default: fallback,
  read,
  valid: [
    ['true', true],
    ['false', false],
  ],
  invalid: ['yes', '2', 'TRUE'],
})

/** What each setting is without a value, with good ones and with bad ones. */
export const cases: Record<keyof typeof settings, Case> = {
  HOST: {
    default: '127.0.0.1',
    read: (c) => c.host,
    valid: [
      ['::1', '::1'],
      ['localhost', 'localhost'],
    ],
    invalid: ['0.0.0.0', 'not a host'],
  },
  PORT: {
    default: 3000,
    read: (c) => c.port,
    valid: [['8080', 8080]],
    invalid: ['0', '65536', '80.5', 'http', '-1'],
  },
  PUBLIC_URL: {
    default: 'http://127.0.0.1:3000',
    read: (c) => c.publicUrl,
    valid: [
      ['https://Portal.example.org', 'https://portal.example.org'],
      ['https://portal.example.org/', 'https://portal.example.org'],
      ['https://portal.example.org/keys//', 'https://portal.example.org/keys'],
      ['https://portal.example.org:443/keys/?', 'https://portal.example.org/keys'],
    ],
    invalid: [
      'portal.example.org',
      'ftp://x',
      'https://x/?a=1',
      'https://x/#a',
      'https://user@x',
      'https://:pw@x',
    ],
    beside: withIssuer,
  },
  DATA_DIR: {
    default: './data',
    read: (c) => c.dataDir,
    valid: [['/var/lib/latchkey', '/var/lib/latchkey']],
    invalid: [],
  },
  LOG_LEVEL: {
    default: 'info',
    read: (c) => c.logLevel,
    valid: [['silent', 'silent']],
    invalid: ['loud', 'INFO'],
  },
  GATEWAY_TARGETS: {
    default: undefined,
    read: (c) => c.gatewayTargets,
    valid: [
      ['auxip, stac.example.org., 10.0.0.0/8 ::1', ['auxip', 'stac.example.org.', '10.0.0.0/8', '::1']],
      ['file', ['file']],
    ],
    invalid: [
      'http://auxip',
      'auxip:8080',
      '10.0.0.0/33',
      'file,auxip',
      '*',
      '*.example.org',
      '[::1]',
      'a/b',
      'a;b',
    ],
  },
  TRUST_PROXY: {
    default: [],
    read: (c) => c.trustProxy,
    valid: [
      ['10.0.0.0/8, ::1  192.0.2.1', ['10.0.0.0/8', '::1', '192.0.2.1']],
      [' , ', []],
    ],
    invalid: ['1', 'true', 'loopback', '10.0.0.0/33', 'proxy.example.org', '*'],
  },
  CORS_ORIGINS: {
    default: [],
    read: (c) => c.corsOrigins,
    valid: [['https://a.example,https://b.example:8443', ['https://a.example', 'https://b.example:8443']]],
    invalid: ['*', 'a.example', 'https://a.example/', 'null', 'https://a.example/x'],
  },
  SHUTDOWN_DELAY_SECONDS: {
    default: 0,
    read: (c) => c.shutdownDelayMs,
    valid: [
      ['5', 5000],
      ['25', 25_000],
    ],
    invalid: ['-1', '26', '1.5', 'off'],
  },
  STALLED_CONNECTION_SECONDS: {
    default: 60_000,
    read: (c) => c.stalledConnectionMs,
    valid: [['1', 1000]],
    invalid: ['0', '-1', '1.5', '86401', 'off'],
  },
  GATEWAY_PORT: {
    default: 3001,
    read: (c) => c.gateway?.port,
    valid: [
      ['8081', 8081],
      ['off', undefined],
    ],
    // The third is that of the service itself.
    invalid: ['0', '65536', '3000', 'none', '-1', '80.5'],
  },
  GATEWAY_PUBLIC_URL: {
    default: 'http://127.0.0.1:3001',
    read: (c) => c.gateway?.publicUrl,
    valid: [['https://api.example.org/', 'https://api.example.org']],
    // The last is the origin that holds the session.
    invalid: ['api.example.org', 'https://u:p@api.example.org', 'http://127.0.0.1:3000/gateway'],
  },
  SERVICES_FILE: {
    default: undefined,
    read: (c) => c.servicesFile,
    valid: [['./services.json', './services.json']],
    invalid: [],
  },
  SCOPES_FILE: {
    default: undefined,
    read: (c) => c.scopesFile,
    valid: [['./scopes.json', './scopes.json']],
    invalid: [],
  },
  API_KEYS_PROVIDER_FILE: {
    default: undefined,
    read: (c) => c.keySwitchFile,
    valid: [['./api-key.json', './api-key.json']],
    invalid: [],
  },
  REDIS_URL: {
    default: undefined,
    read: (c) => c.limits.redisUrl,
    valid: [
      ['redis://127.0.0.1:6379', 'redis://127.0.0.1:6379'],
      ['rediss://user:pw@cache:6380/2', 'rediss://user:pw@cache:6380/2'],
    ],
    invalid: ['127.0.0.1:6379', 'http://cache'],
  },
  LIMITS_WHEN_REDIS_IS_DOWN: {
    default: 'local',
    read: (c) => c.limits.whenRedisIsDown,
    valid: [['refuse', 'refuse']],
    invalid: ['allow', 'LOCAL'],
  },
  LIMIT_TOKENS: {
    default: false,
    read: (c) => c.limits.countTokens,
    valid: [['true', true]],
    invalid: ['yes'],
  },
  QUOTA_TIME_ZONE: {
    default: 'UTC',
    read: (c) => c.limits.timeZone,
    valid: [['Europe/Paris', 'Europe/Paris']],
    invalid: ['Paris', '25', 'Mars/Olympus'],
  },
  KEY_ENCRYPTION_SECRET: {
    default: [],
    read: (c) => c.encryptionSecrets,
    valid: [['e'.repeat(32), ['e'.repeat(32)]]],
    invalid: ['e'.repeat(31)],
  },
  KEY_ENCRYPTION_SECRET_PREVIOUS: {
    default: [],
    read: (c) => c.encryptionSecrets,
    valid: [['p'.repeat(32), ['e'.repeat(32), 'p'.repeat(32)]]],
    invalid: ['p'.repeat(31)],
    beside: { KEY_ENCRYPTION_SECRET: 'e'.repeat(32) },
  },
  DEFAULT_KEY_GROUPS: {
    default: [],
    read: (c) => c.keys.defaultGroups,
    valid: [['stac, files', ['stac', 'files']]],
    invalid: [],
  },
  ALLOW_WEAK_IMPORTED_SECRETS: flag((c) => c.keys.allowWeakSecrets, false),
  DATABASE_URL: {
    default: undefined,
    read: (c) => c.databaseUrl,
    valid: [['postgres://db/x', 'postgres://db/x']],
    invalid: ['mysql://db/x', 'db:5432'],
    beside: inProduction,
  },
  OIDC_ISSUER: {
    default: undefined,
    read: (c) => c.issuer,
    valid: [
      ['https://sso.example.org/realms/r', 'https://sso.example.org/realms/r'],
      // Pasted with a slash that Keycloak's `iss` does not have.
      ['https://sso.example.org/realms/r/', 'https://sso.example.org/realms/r'],
    ],
    invalid: [
      'sso.example.org',
      'file:///x',
      'https://sso.example.org/?realm=r',
      'https://u:p@sso.example.org',
    ],
    beside: { OIDC_CLIENT_SECRET: 'hush-hush' },
  },
  OIDC_CLIENT_ID: { default: 'latchkey', read: (c) => c.clientId, valid: [['keys', 'keys']], invalid: [] },
  OIDC_CLIENT_SECRET: {
    default: undefined,
    read: (c) => c.clientSecret,
    valid: [['hush', 'hush']],
    invalid: [],
  },
  OIDC_AUDIENCES: {
    default: ['latchkey'],
    read: (c) => c.audiences,
    valid: [
      ['a b', ['a', 'b']],
      [',', ['latchkey']],
    ],
    invalid: [],
  },
  OIDC_AUTHORIZED_PARTIES: {
    default: ownClients,
    read: (c) => c.authorizedParties,
    valid: [
      ['a b', ['a', 'b']],
      [',', ownClients],
      ['none', []],
    ],
    invalid: ['none,a', 'a none'],
  },
  OIDC_MANAGEMENT_CLIENTS: {
    default: ownClients,
    read: (c) => c.managementClients,
    valid: [['a,b', ['a', 'b']]],
    invalid: [],
  },
  OIDC_SWAGGER_CLIENT_ID: {
    default: 'latchkey-swagger',
    read: (c) => c.swaggerClientId,
    valid: [['ui', 'ui']],
    invalid: [],
  },
  OIDC_CLI_CLIENT_ID: {
    default: 'latchkey-cli',
    read: (c) => c.cliClientId,
    valid: [['terminal', 'terminal']],
    invalid: [],
  },
  OIDC_ATTRIBUTES: {
    default: [],
    read: (c) => c.attributes,
    valid: [
      ['department', ['department']],
      ['department, organization', ['department', 'organization']],
    ],
    invalid: [],
  },
  DIRECTORY_URL: {
    default: undefined,
    read: (c) => c.directory.url,
    valid: [
      ['https://sso.example.org/admin/realms/r/', 'https://sso.example.org/admin/realms/r'],
      ['off', 'off'],
    ],
    invalid: ['sso.example.org', 'ftp://sso.example.org/', 'https://u:pw@sso.example.org/'],
    beside: withIssuer,
  },
  DIRECTORY_SYNC_SECONDS: {
    default: 30_000,
    read: (c) => c.directory.syncMs,
    valid: [
      ['1', 1000],
      ['3600', 3_600_000],
    ],
    invalid: ['0', '86401', '1.5', 'off', '-1'],
  },
  DIRECTORY_MAX_STALE_SECONDS: {
    default: 3_600_000,
    read: (c) => c.directory.maxStaleMs,
    valid: [
      ['30', 30_000],
      ['86400', 86_400_000],
    ],
    // The first is below DIRECTORY_SYNC_SECONDS.
    invalid: ['29', '0', 'off', '-1'],
  },
  OWNER_DISABLED_POLICY: {
    default: 'suspend',
    read: (c) => c.directory.policy,
    valid: [
      ['suspend', 'suspend'],
      ['revoke', 'revoke'],
    ],
    invalid: ['delete', 'REVOKE'],
  },
  SESSION_SECRET: {
    default: undefined,
    read: (c) => c.sessionSecret,
    valid: [['x'.repeat(32), 'x'.repeat(32)]],
    invalid: ['x'.repeat(31)],
  },
  SESSION_LIFETIME_HOURS: {
    default: 10 * hours,
    read: (c) => c.sessionLifetimeMs,
    valid: [['1', hours]],
    invalid: ['0', '0.5', '8785'],
  },
  ADMIN_ROLE: {
    default: 'latchkey-admin',
    read: (c) => c.adminRole,
    valid: [['key admins', 'key admins']],
    invalid: ['group:/admins', 'latchkey:admin', '*'],
  },
  KEY_PREFIX: {
    default: 'lk',
    read: (c) => c.keys.prefix,
    valid: [['acme1', 'acme1']],
    invalid: ['Acme', '1a', 'a_b', 'a'.repeat(11)],
  },
  KEY_LIFETIME_DAYS: {
    default: 15,
    read: (c) => c.keys.lifetimeDays,
    valid: [['366', 366]],
    invalid: ['0', '367', 'x'],
  },
  KEY_MAX_LIFETIME_DAYS: {
    default: 366,
    read: (c) => c.keys.maxLifetimeDays,
    valid: [['15', 15]],
    invalid: ['0', '36501'],
  },
  ALLOW_NEVER_EXPIRES: flag((c) => c.keys.allowNeverExpires, true),
  MAX_KEYS_PER_USER: {
    default: 20,
    read: (c) => c.keys.maxPerUser,
    valid: [['1', 1]],
    invalid: ['0', 'many'],
  },
  VERDICT_MAX_STALE_SECONDS: {
    default: 60_000,
    read: (c) => c.verdictMaxStaleMs,
    valid: [['0', 0]],
    invalid: ['-1', '1.5'],
  },
  KEY_CHANGES_PER_HOUR: rate((c) => c.keys.changesPerHour, 200),
  LOGIN_RATE_PER_MINUTE: rate((c) => c.loginRatePerMinute, 30),
  REFUSED_RATE_PER_MINUTE: rate((c) => c.refusedRatePerMinute, 60),
  SINGLE_USER: flag((c) => c.singleUser !== null, false),
  LATCHKEY_SINGLE_USER_API_KEY: {
    default: undefined,
    read: (c) => c.singleUser?.apiKey,
    valid: [
      ['A-b_9'.repeat(40), 'A-b_9'.repeat(40)],
      ['x'.repeat(32), 'x'.repeat(32)],
    ],
    invalid: [
      'x'.repeat(31),
      'x'.repeat(201),
      `eyJ.${'x'.repeat(40)}`,
      `${'x'.repeat(40)} y`,
      'é'.repeat(32),
    ],
    beside: { SINGLE_USER: 'true' },
  },
  SINGLE_USER_ALLOW_REMOTE: {
    default: undefined,
    read: (c) => c.singleUser?.mayBeRemote,
    valid: [
      ['true', true],
      ['false', false],
    ],
    invalid: ['yes', '2', 'TRUE'],
    beside: { SINGLE_USER: 'true' },
  },
  IDENTITY_HEADER_PREFIX: {
    default: 'Latchkey',
    read: (c) => c.identityHeaderPrefix,
    valid: [['X-Caller', 'X-Caller']],
    invalid: ['1x', 'a b', 'a:', 'X-Forwarded', 'Otoroshi', 'Otoroshi-Client'],
  },
  HEADER_PREFIX: {
    default: 'Otoroshi',
    read: (c) => c.headerPrefix,
    valid: [['X-Gate', 'X-Gate']],
    invalid: ['1x', 'a b', 'a:', 'X-API', 'latchkey', 'Latchkey-Key'],
  },
  EXAMPLE_CATALOG: flag((c) => c.exampleCatalog, true),
}
