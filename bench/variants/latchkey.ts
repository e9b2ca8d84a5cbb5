import { randomBytes } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { createTokenVerifier } from '../../src/auth/bearer.js'
import auth from '../../src/auth/index.js'
import { createIssuer } from '../../src/auth/issuer.js'
import type { Principal } from '../../src/auth/types.js'
import { loadConfig } from '../../src/config.js'
import { generateSigningKey } from '../../src/dev/signing-key.js'
import { fixedPeople } from '../../src/directory/follow.js'
import { issueKey } from '../../src/keys/issue.js'
import { newKeyId, newValue } from '../../src/keys/value.js'
import { createKeyVerifier } from '../../src/keys/verify.js'
import { AddressRate } from '../../src/limits/address-rate.js'
import { openDatabase } from '../../src/store/database.js'
import { createUsageCounter } from '../../src/usage/counter.js'
import { startIssuer } from './issuer.js'
import { addRoute, createService, type Server } from './service.js'
import { audience, signToken } from './token.js'

/** Keys beside the one that calls, so that none of this is measured on an empty table. */
const otherKeys = 19

export async function openWithKey(): Promise<Server> {
  const { app, key } = await openLatchkey()
  return { app, credential: { 'X-API-Key': key } }
}

export async function openWithToken(): Promise<Server> {
  const { app, token } = await openLatchkey()
  return { app, credential: { Authorization: `Bearer ${token}` } }
}

export async function openWithUnknownKey(): Promise<Server> {
  const { app, prefix } = await openLatchkey()
  const value = newValue(prefix, newKeyId(randomBytes), randomBytes)
  return { app, credential: { 'X-API-Key': value }, status: 401 }
}

export async function openWithIllShapedKey(): Promise<Server> {
  const { app } = await openLatchkey()
  return { app, credential: { 'X-API-Key': 'not-a-key' }, status: 401 }
}

export async function openWithoutCredential(): Promise<Server> {
  const { app } = await openLatchkey()
  return { app, status: 401 }
}

/** The hook as the service itself builds it (src/app.ts), in front of the route. */
async function openLatchkey() {
  const { keys: policy, refusedRatePerMinute, verdictMaxStaleMs } = loadConfig({})
  const { prefix } = policy
  const db = await openDatabase({ url: undefined, dataDir: ':memory:', migrationsDir })
  const usage = createUsageCounter({ db, onError: fail })
  const refusals = new AddressRate({ perMinute: refusedRatePerMinute })
  const verifier = createKeyVerifier({ db, prefix, usage, refusals, maxStaleMs: verdictMaxStaleMs })
  const signingKey = await generateSigningKey()
  const issuer = await startIssuer(signingKey)
  const verifyToken = createTokenVerifier({
    issuer: createIssuer({ issuer, clientId: audience, clientSecret: 'secret' }),
    audiences: [audience],
    refusals,
  })
  const { forget, forgetOwner } = verifier
  const context = {
    db,
    policy,
    owners: fixedPeople,
    clock: Date.now,
    random: randomBytes,
    forget,
    forgetOwner,
  }
  for (let count = 0; count < otherKeys; count++) await makeKey(context, `Key ${count}`)

  const app = createService()
  await app.register(auth, { keyPrefix: prefix, verifyKey: verifier.verify, verifyToken })
  addRoute(app)
  const key = await makeKey(context, 'Nightly ingestion')
  return { app, prefix, key, token: await signToken(signingKey, issuer) }
}

const migrationsDir = fileURLToPath(import.meta.resolve('#package/prisma/migrations'))

async function makeKey(context: Parameters<typeof issueKey>[0], name: string): Promise<string> {
  const origin = { principal: alice, address: '127.0.0.1', requestId: 'bench' }
  const { value } = await issueKey(context, origin, {
    name,
    note: '',
    never_expires: false,
    scopes: ['inherit'],
    read_only: false,
    allowed_referers: [],
    allowed_ips: [],
    config: { project: 'demo' },
    jwt: false,
  })
  return value
}

const alice: Principal = {
  subject: '11111111-1111-4111-8111-111111111111',
  login: 'alice',
  name: 'Alice Example',
  email: 'alice@example.org',
  kind: 'user',
  via: 'oauth2',
  roles: ['latchkey:catalog_read', 'latchkey:catalog_write', 'rspy-user'],
  scopes: ['latchkey:catalog_read', 'latchkey:catalog_write', 'rspy-user'],
  attributes: {},
  config: {},
}

function fail(error: unknown): never {
  throw error
}
