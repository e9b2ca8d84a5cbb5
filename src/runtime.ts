import { randomBytes } from 'node:crypto'
import type { FastifyBaseLogger } from 'fastify'
import type { AdminContext } from './admin/context.js'
import { createAssertions } from './assertion/assertions.js'
import { createKeyring } from './assertion/keyring.js'
import type { AuthOptions, Verify } from './auth/index.js'
import { hasRight } from './auth/rights.js'
import type { Administration } from './auth/types.js'
import type { Config } from './config/load.js'
import { StalledConnections } from './connections/stalled.js'
import { embeddedIssuer } from './dev/index.js'
import { createRightCheck } from './directory/confirm.js'
import { connectIdentityProvider } from './directory/identity-provider.js'
import type { DirectorySource } from './directory/source.js'
import { createReadiness } from './http/readiness.js'
import { KeySwitchFile } from './keys/key-switch-file.js'
import { ScopeDescriptions } from './keys/scope-descriptions.js'
import { createTokenLimits, type TokenLimits } from './keys/token-limits.js'
import type { Random } from './keys/value.js'
import { createKeyVerifier } from './keys/verify.js'
import { AddressRate } from './limits/address-rate.js'
import { createLimitKeeper } from './limits/index.js'
import type { LinkContext } from './links/make.js'
import { createLinkVerifier } from './links/verify.js'
import { createSealer } from './secrets/sealing.js'
import type { Secrets } from './secrets/startup.js'
import type { ServiceContext } from './services/context.js'
import { type FollowedServicesFile, followServicesFile } from './services/follow-file.js'
import { requireGroupsAndServices } from './services/references.js'
import { createServiceRegistry } from './services/registry.js'
import { createTargetPolicy, type Resolve } from './services/target-policy.js'
import type { SingleUserMode } from './single-user/index.js'
import { acceptSingleUserKey } from './single-user/key.js'
import { everybodyElse, nobodyElse, settleSingleUser } from './single-user/person.js'
import type { Database } from './store/database.js'
import { createUsageCounter } from './usage/counter.js'

export interface RuntimeOptions {
  config: Config
  db: Database
  /** The secrets of the embedded identity provider are needed only without an issuer. */
  secrets: Pick<Secrets, 'sessionSecret'> & Partial<Secrets>
  /** Milliseconds since the epoch. Default: the system's clock. */
  clock?: () => number
  /** Aborts a question to the identity provider that takes longer. Default: `AbortSignal.timeout`. */
  timeout?: (ms: number) => AbortSignal
  /** Where people are looked up. Default: Keycloak's admin API, or nowhere with the embedded identity provider. */
  directory?: DirectorySource
  /** Default: the system's. */
  random?: Random
  /** Looks up the hosts of services. Default: the system's resolver. */
  resolve?: Resolve
}

/** Something that lives as long as the process. */
export interface Part {
  /** Resolves when the part is ready for the first request. A rejection ends the start. */
  start?: () => Promise<void>
  /** Reads the operator's file again, on SIGHUP. Faults are logged, and the last good content stays. */
  reload?: () => Promise<void>
  close?: () => Promise<void>
}

export type Runtime = ReturnType<typeof createRuntime>

/**
 * Creates everything that lives as long as the process: caches, counters, followers and verifiers.
 * @param singleUser null: people log in at an identity provider
 */
export function createRuntime(
  options: RuntimeOptions,
  singleUser: SingleUserMode | null,
  log: FastifyBaseLogger,
) {
  const { config, db, clock = Date.now } = options
  const members = createMembers(options, singleUser, log)
  const { identityProvider, directory, keys, keyring, refusals, services } = members
  const serviceContext = createServiceContext(options, services, clock)
  const servicesFile = followServicesFile(serviceContext, { path: config.servicesFile, log })
  const keyContext = createKeyContext(options, members)
  const linkContext: LinkContext = {
    ...{ ...keyContext, keyring, canSign: members.sealer !== null, registry: services },
    gatewayUrl: config.gateway?.publicUrl ?? null,
  }
  const settle = () => (singleUser === null ? nothing() : settleSingleUser(db, new Date(clock())))
  const parts = [{ start: settle }, ...listParts(members, servicesFile)]
  return {
    ...{ ...members, clock, singleUser, keyContext, linkContext, serviceContext, parts },
    targets: serviceContext.targets,
    authOptions: createAuthOptions(config, members, singleUser, clock),
    /** What the gateway sends services about their callers. */
    assertions: createAssertions({
      prefix: config.identityHeaderPrefix,
      issuer: config.publicUrl,
      keyring,
      clock,
    }),
    /** Accepts links of keys; the gateway alone does. */
    verifyLink: createLinkVerifier({ keyring, keys, refusals, clock }),
    /** Who may call the routes of administrators. */
    administration: {
      role: config.adminRole,
      // Nobody else can be asked about the single user.
      confirm:
        identityProvider === null
          ? confirmByScopes
          : createRightCheck({ db, owners: directory, invalidateOwner: keys.invalidateOwner, clock }),
    } satisfies Administration,
    /** Counts logins by address. */
    attempts: new AddressRate({ perMinute: config.loginRatePerMinute, clock }),
    readiness: createReadiness({
      clock,
      needs: {
        database: (timeoutMs: number) => db.isReachable(timeoutMs),
        ...(identityProvider === null ? {} : { issuer: identityProvider.issuer.isReachable }),
      },
    }),
    reload: () => reloadAll(parts),
    close: () => closeAll(parts),
  }
}

type Members = ReturnType<typeof createMembers>

/** Creates what has a memory of its own. */
function createMembers(options: RuntimeOptions, singleUser: SingleUserMode | null, log: FastifyBaseLogger) {
  const { config, db, clock = Date.now } = options
  const common = { db, clock, log }
  const refusals = new AddressRate({ perMinute: config.refusedRatePerMinute, clock })
  const sealer = createSealer(sealingSecrets(options))
  const identityProvider = singleUser === null ? createIdentityProvider(options, refusals, log) : null
  const directory = identityProvider === null ? nobodyElse : everybodyElse(identityProvider.directory)
  const { keySwitchFile: path, verdictMaxStaleMs: maxStaleMs } = config
  const keySwitchFile = path === undefined ? undefined : new KeySwitchFile({ ...common, path })
  const usage = createUsageCounter({
    db,
    onError: logAs(log, 'usage could not be written'),
    onRecovery: logEnd(log, 'usage could not be written'),
  })
  const keys = createKeyVerifier({
    ...{ db, clock, usage, refusals, sealer, maxStaleMs, owners: directory, prefix: config.keys.prefix },
    ...(keySwitchFile === undefined ? {} : { keySwitch: keySwitchFile }),
  })
  const services = createServiceRegistry({
    ...{ db, clock, maxStaleMs },
    onOutage: logAs(log, 'services could not be read'),
    onRecovery: logEnd(log, 'services could not be read'),
  })
  const limiter = createLimitKeeper({
    ...{ ...common, ...config.limits, headerPrefix: config.headerPrefix },
    onError: logAs(log, 'calls that count against limits could not be written'),
    onRecovery: logEnd(log, 'calls that count against limits could not be written'),
  })
  const tokenLimits = config.limits.countTokens ? createTokenLimits({ db, clock, maxStaleMs }) : null
  const keyring = createKeyring({ db, sealer, log })
  const stalled = new StalledConnections(config.stalledConnectionMs)
  const scopeDescriptions = new ScopeDescriptions({ path: config.scopesFile, log })
  return {
    ...{ refusals, sealer, identityProvider, directory, keySwitchFile, usage, keys },
    ...{ services, limiter, tokenLimits, keyring, scopeDescriptions, stalled },
  }
}

/** In the order of starting. */
function listParts(members: Members, servicesFile: FollowedServicesFile): Part[] {
  const { directory, scopeDescriptions, keySwitchFile, services, keyring, limiter, usage, keys, stalled } =
    members
  return [
    { start: () => directory.start(keys), close: directory.close },
    { start: () => scopeDescriptions.apply(), reload: () => scopeDescriptions.reload() },
    { start: () => keySwitchFile?.start() ?? nothing(), close: () => keySwitchFile?.close() ?? nothing() },
    { start: servicesFile.apply, reload: servicesFile.reload },
    { start: async () => stalled.start(), close: async () => stalled.close() },
    { start: services.start, close: services.close },
    { start: keyring.start, close: keyring.close },
    { close: limiter.close },
    { close: usage.close },
  ]
}

const createAuthOptions = (
  config: Config,
  { keys, identityProvider, limiter, tokenLimits }: Members,
  singleUser: SingleUserMode | null,
  clock: () => number,
): AuthOptions => ({
  keyPrefix: config.keys.prefix,
  headerPrefix: config.headerPrefix,
  verifyKey: singleUser === null ? keys.verify : acceptSingleUserKey(singleUser.key, keys.verify),
  verifyKeyToken: keys.verifyToken,
  verifyToken: withLimits(identityProvider?.verifyToken ?? refuseEveryToken, tokenLimits),
  offersTokens: identityProvider !== null,
  allowQueryKey: singleUser !== null,
  limiter,
  clock,
})

const createKeyContext = (
  { config, db, clock = Date.now, random = randomBytes }: RuntimeOptions,
  { sealer, scopeDescriptions, directory, keys, keySwitchFile, limiter, tokenLimits }: Members,
): AdminContext => ({
  ...{ db, clock, random, sealer, scopeDescriptions, owners: directory, policy: config.keys },
  invalidateKey: keys.invalidate,
  invalidateOwner: (subject) => {
    keys.invalidateOwner(subject)
    tokenLimits?.invalidate(subject)
  },
  invalidateAllKeys: keys.invalidateAll,
  ...(keySwitchFile === undefined ? {} : { keySwitch: keySwitchFile }),
  requireRegistered: requireGroupsAndServices,
  counters: { read: limiter.look, reset: limiter.reset },
})

async function reloadAll(parts: readonly Part[]): Promise<void> {
  await Promise.all(parts.map((part) => part.reload?.()))
}

/** Begins to close all parts, in the reverse order of starting, and waits for all. @throws what the first to fail threw */
async function closeAll(parts: readonly Part[]): Promise<void> {
  const closings = await Promise.allSettled([...parts].reverse().map((part) => part.close?.()))
  const failed = closings.find((closing) => closing.status === 'rejected')
  if (failed !== undefined) throw failed.reason
}

const nothing = async () => {}

const logAs = (log: FastifyBaseLogger, message: string) => (error: unknown) =>
  log.error({ err: error }, message)

/** At the level of its beginning, so that the end is seen wherever that is. */
const logEnd = (log: FastifyBaseLogger, fault: string) => () => log.error({ fault }, 'a fault has ended')

/** Null: calls with tokens are not counted. */
const withLimits = (verifyToken: Verify, tokenLimits: TokenLimits | null): Verify =>
  tokenLimits === null ? verifyToken : tokenLimits.countTokens(verifyToken)

const refuseEveryToken: Verify = () => ({ kind: 'refused' })

const confirmByScopes: Administration['confirm'] = async ({ scopes }, right) =>
  hasRight(scopes, right) ? 'held' : 'lacking'

/** The first seals. The generated secret goes on to open what it sealed before the operator set another. */
const sealingSecrets = ({ config, secrets }: RuntimeOptions): string[] =>
  [...config.encryptionSecrets, secrets.encryptionSecret].filter((secret) => secret !== undefined)

const createIdentityProvider = (options: RuntimeOptions, refusals: AddressRate, log: FastifyBaseLogger) =>
  connectIdentityProvider({
    ...{ config: options.config, db: options.db, clock: options.clock ?? Date.now, refusals, log },
    issuerUrl: options.config.issuer ?? embeddedIssuer(options.config.publicUrl),
    clientSecret: options.config.clientSecret ?? options.secrets.embeddedClientSecret ?? '',
    ...(options.directory === undefined ? {} : { source: options.directory }),
    ...(options.timeout === undefined ? {} : { timeout: options.timeout }),
  })

function createServiceContext(
  { config, db, resolve }: RuntimeOptions,
  registry: ServiceContext['registry'],
  clock: () => number,
): ServiceContext {
  const { publicUrl, host, port, gateway } = config
  return {
    ...{ db, registry, clock, defaultGroups: config.keys.defaultGroups },
    targets: createTargetPolicy({
      ...{ host, allowed: config.gatewayTargets, resolve },
      publicUrls: gateway === null ? [publicUrl] : [publicUrl, gateway.publicUrl],
      ports: gateway === null ? [port] : [port, gateway.port],
    }),
  }
}
