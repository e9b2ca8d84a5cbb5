import { isIpRange, isLoopback } from '../addresses.js'
import { isHost } from '../urls.js'
import { type Environment, none, settings } from './settings.js'

/** The settings after parsing; a setting with a fault of its own has its default here. */
export interface CheckedSettings {
  values: Environment
  /** The variables themselves, for rules about whether one is set at all. */
  env: NodeJS.ProcessEnv
  /** Undefined: its fault is told already. */
  publicUrl: URL | undefined
  /** Null: there is no gateway. An empty URL: its fault is told already. */
  gateway: { port: number; publicUrl: string } | null
}

/** A rule about how settings go together: returns the faults, one sentence each, without values. */
type Rule = (given: CheckedSettings) => string[]

/** Checks the settings against each other. @returns the faults of all rules */
export const checkSettings = (given: CheckedSettings): string[] => rules.flatMap((rule) => rule(given))

/** The embedded identity provider has known passwords: nothing outside this machine may reach it. */
const keepEmbeddedIssuerLocal: Rule = ({ values, env, publicUrl }) => {
  if (values.OIDC_ISSUER !== undefined || values.SINGLE_USER) return []
  const why = 'OIDC_ISSUER is required'
  return faultsOf(
    [values.DATABASE_URL !== undefined, `${why} with DATABASE_URL`],
    [values.DIRECTORY_URL !== undefined, `${why} with DIRECTORY_URL`],
    [!isLoopback(values.HOST), `${why} when HOST is not a loopback address`],
    [isRemote(publicUrl), `${why} when PUBLIC_URL is not on a loopback address`],
    [env.NODE_ENV === 'production', `${why} when NODE_ENV is production`],
  )
}

const refuseSingleUserSettings: Rule = ({ values }) => {
  if (values.SINGLE_USER) return []
  const own = ['LATCHKEY_SINGLE_USER_API_KEY', 'SINGLE_USER_ALLOW_REMOTE'] as const
  return own.filter((name) => values[name]).map((name) => `${name} is only for SINGLE_USER`)
}

/** Nobody logs in to single-user mode, so the settings of logins contradict it. */
const refuseLoginSettings: Rule = ({ values, env }) => {
  if (!values.SINGLE_USER) return []
  const ofLogins = Object.keys(settings).filter((name) => /^OIDC_|^DIRECTORY_URL$|^DATABASE_URL$/.test(name))
  return ofLogins
    .filter((name) => env[name]?.trim())
    .map((name) => `${name} must not be set with SINGLE_USER`)
}

/** The one key has all rights, so other machines reach single-user mode only where the operator says so. */
const keepSingleUserLocal: Rule = ({ values, publicUrl, gateway }) => {
  if (!values.SINGLE_USER || values.SINGLE_USER_ALLOW_REMOTE) return []
  const why = 'SINGLE_USER_ALLOW_REMOTE is required with SINGLE_USER'
  const gatewayUrl = gateway?.publicUrl ?? ''
  return faultsOf(
    [!isLoopback(values.HOST), `${why} when HOST is not a loopback address`],
    [isRemote(publicUrl), `${why} when PUBLIC_URL is not on a loopback address`],
    [
      URL.canParse(gatewayUrl) && isRemote(new URL(gatewayUrl)),
      `${why} when GATEWAY_PUBLIC_URL is not on a loopback address`,
    ],
  )
}

const checkGatewayPort: Rule = ({ values, gateway }) =>
  faultsOf(
    [gateway !== null && gateway.port > 65_535, 'GATEWAY_PORT must be at most 65535'],
    [gateway?.port === values.PORT, 'GATEWAY_PORT must not be PORT: the gateway has an origin of its own'],
  )

/** A script that a protected service serves must not be of the site that holds the session. */
const keepGatewayOnItsOrigin: Rule = ({ publicUrl, gateway }) =>
  faultsOf([
    URL.canParse(gateway?.publicUrl ?? '') && new URL(gateway?.publicUrl ?? '').origin === publicUrl?.origin,
    'GATEWAY_PUBLIC_URL must be of another origin than PUBLIC_URL',
  ])

const requireProductionSettings: Rule = ({ values }) =>
  faultsOf(
    [
      values.OIDC_ISSUER !== undefined && values.OIDC_CLIENT_SECRET === undefined,
      'OIDC_CLIENT_SECRET is required with OIDC_ISSUER',
    ],
    [
      values.DATABASE_URL !== undefined && values.SESSION_SECRET === undefined,
      'SESSION_SECRET is required with DATABASE_URL (all replicas share it)',
    ],
    [
      values.PUBLIC_URL === undefined && ['0.0.0.0', '::'].includes(values.HOST),
      'PUBLIC_URL is required when HOST means every address',
    ],
  )

const checkTrustedProxies: Rule = ({ values }) =>
  (values.TRUST_PROXY ?? []).every(isIpRange)
    ? []
    : ['TRUST_PROXY must list addresses or CIDR ranges, not a number of hops']

const checkTargets: Rule = ({ values }) => {
  const targets = values.GATEWAY_TARGETS ?? []
  const isGood = targets.every((item) => isIpRange(item) || (isHost(item) && !/[:[\]]/.test(item)))
  return faultsOf(
    [!isGood, 'GATEWAY_TARGETS must list host names without ports, addresses or CIDR ranges, or be file'],
    [
      targets.includes('file') && targets.length > 1,
      'GATEWAY_TARGETS must be file alone, or a list without it',
    ],
  )
}

const checkCorsOrigins: Rule = ({ values }) =>
  (values.CORS_ORIGINS ?? []).every((origin) => URL.canParse(origin) && new URL(origin).origin === origin)
    ? []
    : ['CORS_ORIGINS must list origins like https://portal.example.org']

/** Headers that begin so are removed from requests: prefixes of other names would take those away as well. */
const keepPrefixesApart: Rule = ({ values }) => {
  const taken = /^(x|x-(api|forwarded|real)|content|sec|accept|cache|if|user|transfer|proxy)$/i
  const identity = values.IDENTITY_HEADER_PREFIX.toLowerCase()
  const header = values.HEADER_PREFIX.toLowerCase()
  const overlap = `${identity}-`.startsWith(`${header}-`) || `${header}-`.startsWith(`${identity}-`)
  return faultsOf(
    [taken.test(identity), 'IDENTITY_HEADER_PREFIX must not be how other headers begin'],
    [taken.test(header), 'HEADER_PREFIX must not be how other headers begin'],
    [overlap, 'IDENTITY_HEADER_PREFIX must not be how the headers of HEADER_PREFIX begin'],
    [overlap, 'HEADER_PREFIX must not be how the headers of IDENTITY_HEADER_PREFIX begin'],
  )
}

const checkTimeZone: Rule = ({ values }) =>
  isTimeZone(values.QUOTA_TIME_ZONE) ? [] : ['QUOTA_TIME_ZONE must be a time zone as Europe/Paris']

const requireNewSecretBesideOld: Rule = ({ values }) =>
  faultsOf([
    values.KEY_ENCRYPTION_SECRET_PREVIOUS !== undefined && values.KEY_ENCRYPTION_SECRET === undefined,
    'KEY_ENCRYPTION_SECRET_PREVIOUS needs KEY_ENCRYPTION_SECRET, which seals what is new',
  ])

const orderLifetimes: Rule = ({ values }) =>
  faultsOf([
    values.KEY_LIFETIME_DAYS > values.KEY_MAX_LIFETIME_DAYS,
    'KEY_LIFETIME_DAYS must not be more than KEY_MAX_LIFETIME_DAYS',
  ])

const orderDirectoryTimes: Rule = ({ values }) =>
  faultsOf([
    values.DIRECTORY_SYNC_SECONDS > values.DIRECTORY_MAX_STALE_SECONDS,
    'DIRECTORY_MAX_STALE_SECONDS must not be less than DIRECTORY_SYNC_SECONDS',
  ])

const keepNoneAlone: Rule = ({ values: { OIDC_AUTHORIZED_PARTIES: parties = [] } }) =>
  faultsOf([
    parties.length > 1 && parties.includes(none),
    `OIDC_AUTHORIZED_PARTIES must not name clients beside ${none}`,
  ])

const rules: readonly Rule[] = [
  checkGatewayPort,
  keepGatewayOnItsOrigin,
  keepEmbeddedIssuerLocal,
  refuseSingleUserSettings,
  refuseLoginSettings,
  keepSingleUserLocal,
  requireProductionSettings,
  keepNoneAlone,
  checkTrustedProxies,
  checkTargets,
  checkCorsOrigins,
  keepPrefixesApart,
  checkTimeZone,
  requireNewSecretBesideOld,
  orderLifetimes,
  orderDirectoryTimes,
]

const faultsOf = (...conditions: (readonly [isFault: boolean, sentence: string])[]): string[] =>
  conditions.filter(([isFault]) => isFault).map(([, sentence]) => sentence)

const isRemote = (url: URL | undefined): boolean => url !== undefined && !isLoopback(url.hostname)

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name })
    return true
  } catch {
    return false
  }
}
