import { randomBytes } from 'node:crypto'
import type { FastifyBaseLogger } from 'fastify'
import type { AdminContext } from './admin/context.js'
import { createAssertions } from './assertion/assertions.js'
import { createKeyring } from './assertion/keyring.js'
import type { AuthOptions, Verify } from './auth/index.js'
import { hasRight } from './auth/rights.js'
import type { Administration } from './auth/types.js'
import type { Config } from './config/load.js'
import { embeddedIssuer } from './dev/index.js'
import { createRightCheck } from './directory/confirm.js'
import { connectIdentityProvider } from './directory/identity-provider.js'
import type { DirectorySource } from './directory/source.js'
import { KeySwitchFile } from './keys/key-switch-file.js'
import { ScopeDescriptions } from './keys/scope-descriptions.js'
import type { Random } from './keys/value.js'
import { createKeyVerifier } from './keys/verify.js'
import { AddressRate } from './limits/address-rate.js'
import { createLimitKeeper } from './limits/index.js'
import type { LinkContext } from './links/make.js'
import { createLinkVerifier } from './links/verify.js'
import { createSealer } from './secrets/sealing.js'
import type { Secrets } from './secrets/startup.js'
import type { ServiceContext } from './services/context.js'
import { followServicesFile } from './services/follow-file.js'
import { knowOwnAddresses } from './services/own-addresses.js'
import { requireGroupsAndServices } from './services/references.js'
import { createServiceRegistry } from './services/registry.js'
import type { SingleUserMode } from './single-user/index.js'
import { acceptSingleUserKey } from './single-user/key.js'
import { everybodyElse, isSingleUser, nobodyElse, settleSingleUser } from './single-user/person.js'
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
  const common = { db, clock, log }
  const refusals = new AddressRate({ perMinute: config.refusedRatePerMinute, clock })
  const sealer = createSealer(sealingSecrets(options))
  const identityProvider = singleUser === null ? createIdentityProvider(options, refusals, log) : null
  const directory = identityProvider === null ? nobodyElse : everybodyElse(identityProvider.directory)
  const { keySwitchFile: path } = config
  const keySwitchFile = path === undefined ? undefined : new KeySwitchFile({ ...common, path })
  const usage = createUsageCounter({ db, onError: logAs(log, 'usage could not be written') })
  const keys = createKeyVerifier({
    ...{ db, clock, usage, refusals, sealer, owners: directory },
    prefix: config.keys.prefix,
    maxStaleMs: config.verdictMaxStaleMs,
    ...(keySwitchFile === undefined ? {} : { keySwitch: keySwitchFile }),
  })
  const services = createServiceRegistry({
    ...{ db, clock, maxStaleMs: config.verdictMaxStaleMs },
    onOutage: logAs(log, 'services could not be read'),
  })
  const limiter = createLimitKeeper({
    ...{ ...common, ...config.limits, headerPrefix: config.headerPrefix },
    onError: logAs(log, 'calls that count against limits could not be written'),
  })
  const keyring = createKeyring({ db, sealer, log })
  const scopeDescriptions = new ScopeDescriptions({ path: config.scopesFile, log })
  const serviceContext = createServiceContext(options, services, clock)
  const servicesFile = followServicesFile(serviceContext, { path: config.servicesFile, log })

  const authOptions: AuthOptions = {
    keyPrefix: config.keys.prefix,
    headerPrefix: config.headerPrefix,
    verifyKey: singleUser === null ? keys.verify : acceptSingleUserKey(singleUser.key, keys.verify),
    verifyKeyToken: keys.verifyToken,
    verifyToken: identityProvider?.verifyToken ?? refuseEveryToken,
    offersTokens: identityProvider !== null,
    allowQueryKey: singleUser !== null,
    limiter,
    clock,
  }
  const keyContext: AdminContext = {
    ...{ db, clock, sealer, scopeDescriptions, owners: directory, policy: config.keys },
    random: options.random ?? randomBytes,
    invalidateKey: keys.invalidate,
    invalidateOwner: keys.invalidateOwner,
    invalidateAllKeys: keys.invalidateAll,
    ...(keySwitchFile === undefined ? {} : { keySwitch: keySwitchFile }),
    requireRegistered: requireGroupsAndServices,
    counters: { read: limiter.look, reset: limiter.reset },
  }
  const linkContext: LinkContext = {
    ...{ ...keyContext, keyring, canSign: sealer !== null, registry: services },
    gatewayUrl: config.gateway?.publicUrl ?? null,
  }
  /** In the order of starting; closed in the reverse order. */
  const parts: Part[] = [
    { start: () => (singleUser === null ? nothing() : settleSingleUser(db, new Date(clock()))) },
    { start: () => directory.start(keys), close: directory.close },
    { start: () => scopeDescriptions.apply(), reload: () => scopeDescriptions.reload() },
    { start: () => keySwitchFile?.start() ?? nothing(), close: () => keySwitchFile?.close() ?? nothing() },
    { start: servicesFile.apply, reload: servicesFile.reload },
    { start: services.start, close: services.close },
    { start: keyring.start, close: keyring.close },
    { close: limiter.close },
    { close: usage.close },
  ]
  return {
    ...{ clock, singleUser, identityProvider, directory, keys, services, limiter, keyring, refusals },
    ...{ authOptions, keyContext, linkContext, serviceContext },
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
    /** What must be reachable for the service to be ready, by name. */
    needs: {
      database: (timeoutMs: number) => db.isReachable(timeoutMs),
      ...(identityProvider === null ? {} : { issuer: identityProvider.issuer.isReachable }),
    },
    start: () => startAll(parts),
    reload: () => reloadAll(parts),
    close: () => closeAll(parts),
  }
}

async function startAll(parts: readonly Part[]): Promise<void> {
  for (const part of parts) await part.start?.()
}

async function reloadAll(parts: readonly Part[]): Promise<void> {
  await Promise.all(parts.map((part) => part.reload?.()))
}

/** Closes every part, also after one that failed to close. @throws what the first of those threw */
async function closeAll(parts: readonly Part[]): Promise<void> {
  const errors: unknown[] = []
  for (const part of [...parts].reverse()) await part.close?.().catch((error) => errors.push(error))
  if (errors.length > 0) throw errors[0]
}

const nothing = async () => {}

const logAs = (log: FastifyBaseLogger, message: string) => (error: unknown) =>
  log.error({ err: error }, message)

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
    isStranger: isSingleUser,
    ...(options.directory === undefined ? {} : { source: options.directory }),
    ...(options.timeout === undefined ? {} : { timeout: options.timeout }),
  })

function createServiceContext(
  { config, db }: RuntimeOptions,
  registry: ServiceContext['registry'],
  clock: () => number,
): ServiceContext {
  const { publicUrl, host, port, gateway } = config
  return {
    ...{ db, registry, clock, defaultGroups: config.keys.defaultGroups },
    isOwnAddress: knowOwnAddresses({
      host,
      publicUrls: gateway === null ? [publicUrl] : [publicUrl, gateway.publicUrl],
      ports: gateway === null ? [port] : [port, gateway.port],
    }),
  }
}
