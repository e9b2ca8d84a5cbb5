import { randomBytes } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { createTokenVerifier } from '../../src/auth/bearer.js'
import auth from '../../src/auth/index.js'
import { createIssuer } from '../../src/auth/issuer.js'
import { loadConfig } from '../../src/config.js'
import { generateSigningKey } from '../../src/dev/signing-key.js'
import { createKeyVerifier } from '../../src/keys/verify.js'
import { AddressRate } from '../../src/limits/address-rate.js'
import { openDatabase } from '../../src/store/database.js'
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

/** The hook as the service itself builds it (src/parts.ts), in front of the route. */
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
  const verifier = createKeyVerifier({ db, prefix, usage, refusals, maxStaleMs, ...size })
  const signingKey = await generateSigningKey()
  const issuer = await startIssuer(signingKey)
  const verifyToken = createTokenVerifier({
    issuer: createIssuer({ issuer, clientId: audience, clientSecret: 'secret' }),
    audiences: [audience],
    refusals,
  })
  const app = createService()
  await app.register(auth, { keyPrefix: prefix, verifyKey: verifier.verify, verifyToken })
  addRoute(app)
  const context = { db, policy, clock: Date.now, random: randomBytes, forget: verifier.forget }
  return { app, prefix, usage, context, signingKey, issuer }
}

function fail(error: unknown): never {
  throw error
}
