import type { Server } from './service.js'

interface Openable {
  name: string
  open(...parameters: string[]): Promise<Server>
}

export interface Variant extends Openable {
  title: string
  /** CPU time per request in units of the base's, at most. */
  target?: number
  /** Share of the requests that others get, for one that takes long. Default: 1. */
  share?: number
  /** What it is opened with: the URL of an empty PostgreSQL, or of a running Latchkey and how many keys are stored there. */
  needs?: 'postgresql' | 'latchkey'
}

/** What all others are compared with. */
export const base = 'bare'

// Each loads its own libraries only, so that no process carries those of another.
const bare = (credential?: Record<string, string>) => () =>
  import('./bare.js').then(({ openBare }) => openBare(credential))
const latchkey = () => import('./latchkey.js')
const bearerAuth = (count: number) => () =>
  import('./bearer-auth.js').then(({ openBearerAuth }) => openBearerAuth(count))
const jwt = () => import('./jwt.js')
const remote = () => import('./remote.js')
const betterAuth = () => import('./better-auth.js')

const keyLike = { 'X-API-Key': `lk_${'x'.repeat(8)}_${'x'.repeat(49)}` }
const tokenLike = { Authorization: `Bearer ${'x'.repeat(1500)}` }

export const variants: readonly Variant[] = [
  { name: base, title: 'bare route', open: bare() },
  { name: 'bare-key', title: 'bare route, a key is sent and not looked at', open: bare(keyLike) },
  { name: 'bare-token', title: 'bare route, a token is sent and not looked at', open: bare(tokenLike) },
  { name: 'key', title: 'Latchkey, key', target: 1.15, open: async () => (await latchkey()).openWithKey() },
  {
    name: 'token',
    title: 'Latchkey, OAuth2 token',
    target: 1.2,
    open: async () => (await latchkey()).openWithToken(),
  },
  {
    name: 'unknown',
    title: 'Latchkey, unknown key: 401',
    target: 1.3,
    open: async () => (await latchkey()).openWithUnknownKey(),
  },
  {
    name: 'ill-shaped',
    title: 'Latchkey, ill-shaped key: 401',
    target: 1.3,
    open: async () => (await latchkey()).openWithIllShapedKey(),
  },
  {
    name: 'none',
    title: 'Latchkey, no credential: 401',
    open: async () => (await latchkey()).openWithoutCredential(),
  },
  {
    name: 'remote',
    title: 'Latchkey in another service, key',
    needs: 'latchkey',
    open: async (url = '') => (await remote()).openRemote(url),
  },
  {
    name: 'remote-first',
    title: 'Latchkey in another service, key not remembered',
    share: 1 / 8,
    needs: 'latchkey',
    open: async (url = '', storedKeys = '') => (await remote()).openRemoteFirst(url, storedKeys),
  },
  { name: 'bearer-auth-1', title: '`@fastify/bearer-auth`, 1 key', open: bearerAuth(1) },
  { name: 'bearer-auth-1000', title: '`@fastify/bearer-auth`, 1,000 keys', open: bearerAuth(1000) },
  { name: 'jwt', title: '`@fastify/jwt`, RS256', open: async () => (await jwt()).openJwtUncached() },
  {
    name: 'jwt-cached',
    title: '`@fastify/jwt`, RS256, cached',
    open: async () => (await jwt()).openJwtCached(),
  },
  {
    name: 'better-auth-secondary',
    title: '`@better-auth/api-key`, keys in a Map, updates deferred',
    share: 1 / 8,
    open: async () => (await betterAuth()).openWithSecondaryStorage(),
  },
  {
    name: 'better-auth-memory',
    title: '`@better-auth/api-key`, memory adapter',
    share: 1 / 8,
    open: async () => (await betterAuth()).openWithMemoryAdapter(),
  },
  {
    name: 'better-auth-postgresql',
    title: '`@better-auth/api-key`, PostgreSQL (its CPU apart)',
    share: 1 / 16,
    needs: 'postgresql',
    open: async (url = '') => (await betterAuth()).openWithPostgresql(url),
  },
]

/** Opened with a data folder or a URL, and how many keys are stored there. */
export const firstCheck: Openable = {
  name: 'first',
  open: async (store = '', storedKeys = '') => (await import('./first.js')).openFirst(store, storedKeys),
}

/** What forwards to the upstream whose URL it is opened with, and that upstream. They check nothing. */
export const proxies: readonly Openable[] = [
  { name: 'upstream', open: bare() },
  {
    name: 'reply-from',
    open: async (upstream = '') => (await import('./proxies.js')).openReplyFrom(upstream),
  },
  {
    name: 'http-proxy',
    open: async (upstream = '') => (await import('./proxies.js')).openHttpProxy(upstream),
  },
]
