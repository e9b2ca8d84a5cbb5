import { randomBytes } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { createTokenVerifier } from '../../src/auth/bearer.js'
import auth from '../../src/auth/index.js'
import { createIssuer } from '../../src/auth/issuer.js'
import { loadConfig } from '../../src/config/load.js'
import { generateSigningKey } from '../../src/dev/signing-key.js'
import { type Directory, followDirectory } from '../../src/directory/follow.js'
import { createKeyVerifier } from '../../src/keys/verify.js'
import { AddressRate } from '../../src/limits/address-rate.js'
import { createSealer } from '../../src/secrets/sealing.js'
import { type Database, openDatabase } from '../../src/store/database.js'
import { createUsageCounter } from '../../src/usage/counter.js'
import { startIssuer } from './issuer.js'
import { addRoute, createService } from './service.js'
import { audience } from './token.js'

export interface HookOptions {
  /** `:memory:` or a data folder, where there is no URL. */
  dataDir?: string
  url?: string
  /** Keys that are remembered. Default: the service's. */
  maxCached?: number
  /** Default: the service's. */
  flushUsageEveryMs?: number
}

const migrationsDir = fileURLToPath(import.meta.resolve('#package/prisma/migrations'))

/** The hook as the service itself builds it (src/runtime.ts), in front of the route. */
export async function openHook({
  dataDir = ':memory:',
  url,
  maxCached,
  flushUsageEveryMs,
}: HookOptions = {}) {
  const { keys: policy, refusedRatePerMinute, verdictMaxStaleMs: maxStaleMs } = loadConfig({})
  const { prefix } = policy
  const db = await openDatabase({ url, dataDir, migrationsDir })
  const usage = createUsageCounter({
    db,
    onError: fail,
    ...(flushUsageEveryMs === undefined ? {} : { flushEveryMs: flushUsageEveryMs }),
  })
  const refusals = new AddressRate({ perMinute: refusedRatePerMinute })
  const size = maxCached === undefined ? {} : { maxCached }
  const owners = followNobody(db)
  const sealer = createSealer([randomBytes(32).toString('hex')])
  const verifier = createKeyVerifier({ db, prefix, usage, refusals, owners, sealer, maxStaleMs, ...size })
  const signingKey = await generateSigningKey()
  const issuer = await startIssuer(signingKey)
  const verifyToken = createTokenVerifier({
    issuer: createIssuer({ issuer, clientId: audience, clientSecret: 'secret' }),
    audiences: [audience],
    refusals,
    isDisabled: owners.isDisabled,
  })
  const app = createService()
  const { verify: verifyKey, verifyToken: verifyKeyToken } = verifier
  await app.register(auth, { keyPrefix: prefix, verifyKey, verifyKeyToken, verifyToken })
  addRoute(app)
  const { invalidate: invalidateKey, invalidateOwner } = verifier
  const context = {
    db,
    policy,
    owners,
    sealer,
    clock: Date.now,
    random: randomBytes,
    invalidateKey,
    requireRegistered: async () => {},
    invalidateOwner,
  }
  return { app, prefix, usage, context, signingKey, issuer }
}

/** What each check asks the directory is asked; the owners in the store are never old enough to be looked up. */
function followNobody(db: Database): Directory {
  return followDirectory({
    source: { listDisabled: async () => new Set(), find: async () => null },
    db,
    policy: 'suspend',
    syncMs: Number.POSITIVE_INFINITY,
    maxStaleMs: Number.POSITIVE_INFINITY,
    log: { info() {}, warn: fail, error: fail },
    clock: Date.now,
  })
}

function fail(error: unknown): never {
  throw error
}
