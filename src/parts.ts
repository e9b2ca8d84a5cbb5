import type { FastifyBaseLogger } from 'fastify'
import { createAssertions } from './assertion/assertions.js'
import { createKeyring } from './assertion/keyring.js'
import { createTokenVerifier } from './auth/bearer.js'
import type { Administration, AuthOptions, Verify } from './auth/index.js'
import { createIssuer, type Issuer } from './auth/issuer.js'
import { hasRight } from './auth/rights.js'
import type { Config } from './config.js'
import { embeddedIssuer } from './dev/index.js'
import { createRightCheck } from './directory/confirm.js'
import { type Directory, fixedPeople, followDirectory } from './directory/follow.js'
import { createKeycloakDirectory, deriveAdminUrl } from './directory/keycloak.js'
import { type DirectorySource, noDirectory } from './directory/source.js'
import { ProviderFile } from './keys/provider-file.js'
import { ScopeDescriptions } from './keys/scope-descriptions.js'
import { createKeyVerifier } from './keys/verify.js'
import { AddressRate } from './limits/address-rate.js'
import { createLimitKeeper } from './limits/index.js'
import { createLinkVerifier } from './links/verify.js'
import { createSealer } from './sealing.js'
import type { Secrets } from './secrets.js'
import { createServiceRegistry } from './services/registry.js'
import type { SingleUserMode } from './single-user/index.js'
import { acceptSingleUserKey } from './single-user/key.js'
import { everybodyElse, isSingleUser, nobodyElse } from './single-user/person.js'
import type { Database } from './store/database.js'
import { createUsageCounter } from './usage/counter.js'

export interface PartsOptions {
  config: Config
  db: Database
  secrets: Partial<Secrets>
  /** Null: people log in. */
  singleUser: SingleUserMode | null
  clock?: () => number
  /** Where people are looked up. Default: Keycloak's admin API, or nowhere with the embedded identity provider. */
  directory?: DirectorySource
}

export type Parts = ReturnType<typeof createParts>

/** What lives as long as the service and has a memory: verifiers, limits, counters. */
export function createParts(options: PartsOptions, log: FastifyBaseLogger) {
  const { config, db, secrets, singleUser, clock = Date.now } = options
  const refusals = new AddressRate({ perMinute: config.refusedRatePerMinute, clock })
  const usage = createUsageCounter({
    db,
    onError: (error) => log.error({ err: error }, 'usage could not be written'),
  })
  const { prefix } = config.keys
  const login = singleUser === null ? createLogin({ ...options, clock }, refusals, log) : null
  const directory = login?.directory ?? nobodyElse
  const maxStaleMs = config.verdictMaxStaleMs
  const { encryptionSecret } = secrets
  // The generated one goes on to open what it sealed before the operator set another.
  const sealer = createSealer([
    ...config.encryptionSecrets,
    ...(encryptionSecret === undefined ? [] : [encryptionSecret]),
  ])
  const { providerFile: path } = config
  const providerFile = path === undefined ? undefined : new ProviderFile({ path, db, clock, log })
  const keys = createKeyVerifier({
    ...{ db, prefix, usage, refusals, sealer, maxStaleMs, clock },
    owners: directory,
    ...(providerFile === undefined ? {} : { keySwitch: providerFile }),
  })
  const services = createServiceRegistry({
    db,
    maxStaleMs,
    clock,
    onOutage: (error) => log.error({ err: error }, 'services could not be read'),
  })
  const limiter = createLimitKeeper({
    db,
    ...config.limits,
    headerPrefix: config.headerPrefix,
    clock,
    log,
    onError: (error) => log.error({ err: error }, 'calls that count against limits could not be written'),
  })
  const authOptions: AuthOptions = {
    keyPrefix: prefix,
    headerPrefix: config.headerPrefix,
    verifyKey: singleUser === null ? keys.verify : acceptSingleUserKey(singleUser.key, keys.verify),
    verifyKeyToken: keys.verifyToken,
    verifyToken: login?.verifyToken ?? refuseEveryToken,
    offersTokens: login !== null,
    allowQueryKey: singleUser !== null,
    limiter,
    clock,
  }
  const keyring = createKeyring({ db, sealer, log })
  return {
    /** Null: nobody logs in. */
    login,
    /** Null: people log in. */
    singleUser,
    /** Whether somebody has a right now: the single user is asked about nowhere. */
    confirmRight:
      login === null
        ? confirmByScopes
        : createRightCheck({ db, owners: directory, forgetOwner: keys.forgetOwner, clock }),
    usage,
    limiter,
    /** What assertions and links are signed with. */
    keyring,
    /** What services are sent about their callers. */
    assertions: createAssertions({
      prefix: config.identityHeaderPrefix,
      issuer: config.publicUrl,
      keyring,
      clock,
    }),
    authOptions,
    /** At the gateway alone. */
    verifyLink: createLinkVerifier({ keyring, keys, refusals, clock }),
    directory,
    keys,
    scopeDescriptions: new ScopeDescriptions({ path: config.scopesFile, log }),
    /** Undefined: administrators switch keys off and on. */
    providerFile,
    services,
    /** Null: nothing can be sealed. */
    sealer,
    /** Refused credentials by address. */
    refusals,
    /** Logins by address. */
    attempts: new AddressRate({ perMinute: config.loginRatePerMinute, clock }),
    clock,
  }
}

const confirmByScopes: Administration['confirm'] = async ({ scopes }, right) =>
  hasRight(scopes, right) ? 'held' : 'lacking'

const refuseEveryToken: Verify = () => ({ kind: 'refused' })

/** The identity provider, what it says of tokens, and of people. */
function createLogin(
  options: PartsOptions & { clock: () => number },
  refusals: AddressRate,
  log: FastifyBaseLogger,
) {
  const { config, db, secrets, clock } = options
  const { attributes } = config
  const issuer = createIssuer({
    issuer: config.issuer ?? embeddedIssuer(config.publicUrl),
    clientId: config.clientId,
    clientSecret: config.clientSecret ?? secrets.embeddedClientSecret ?? '',
    clock,
  })
  const source = options.directory ?? findDirectory(config, issuer)
  const people: Directory =
    source === undefined
      ? fixedPeople
      : followDirectory({ ...config.directory, source, isStranger: isSingleUser, db, log, clock })
  const directory = everybodyElse(people)
  return {
    issuer,
    directory,
    verifyToken: createTokenVerifier({
      issuer,
      audiences: config.audiences,
      attributes,
      refusals,
      isDisabled: directory.isDisabled,
      clock,
    }),
    /** For the tokens of a login: from the identity provider itself, for this client, whatever else is accepted. */
    verifyOwnToken: createTokenVerifier({
      issuer,
      audiences: [config.clientId],
      refusals: new AddressRate({ perMinute: Number.POSITIVE_INFINITY }),
      maxCached: 1,
      attributes,
      clock,
    }),
  }
}

/** Undefined: the embedded identity provider, whose two people never change. */
function findDirectory(config: Config, issuer: Issuer): DirectorySource | undefined {
  if (config.issuer === undefined) return undefined
  if (config.directory.url === 'off') return noDirectory('DIRECTORY_URL is off')
  const adminUrl = config.directory.url ?? deriveAdminUrl(config.issuer)
  if (adminUrl === undefined) {
    return noDirectory(
      'OIDC_ISSUER does not end in /realms/<name>, so DIRECTORY_URL must say where people are',
    )
  }
  return createKeycloakDirectory({
    issuer,
    adminUrl,
    clientId: config.clientId,
    attributes: config.attributes,
  })
}
