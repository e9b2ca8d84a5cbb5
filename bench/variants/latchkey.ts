import { randomBytes } from 'node:crypto'
import type { Principal } from '../../src/auth/types.js'
import { issueKey, orderOwnKey } from '../../src/keys/issue.js'
import { newKeyId, newValue } from '../../src/keys/value.js'
import { openHook } from './hook.js'
import type { Server } from './service.js'
import { signToken } from './token.js'

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

async function openLatchkey() {
  const { app, prefix, context, signingKey, issuer } = await openHook()
  for (let count = 0; count < otherKeys; count++) await makeKey(context, `Key ${count}`)
  const key = await makeKey(context, 'Nightly ingestion')
  return { app, prefix, key, token: await signToken(signingKey, issuer) }
}

async function makeKey(context: Parameters<typeof issueKey>[0], name: string): Promise<string> {
  const actor = { principal: alice, address: '127.0.0.1', requestId: 'bench', actingAs: 'owner' as const }
  const { value } = await issueKey(
    context,
    actor,
    orderOwnKey({
      name,
      note: '',
      never_expires: false,
      scopes: ['inherit'],
      read_only: false,
      allowed_referers: [],
      allowed_ips: [],
      config: { project: 'demo' },
      jwt: false,
    }),
  )
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
