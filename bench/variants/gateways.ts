import { SignJWT } from 'jose'
import type { Postgresql } from '../../test/e2e/support/postgresql.js'
import { type GatewayPlan, openGateway } from '../programs/gateway.js'
import { openNginx } from '../programs/nginx.js'
import type { RedisServer } from '../programs/redis.js'
import { createKey, limitKey } from '../programs/service.js'
import { type MeasuredServer, startVariant } from '../rounds.js'

/** What stands between a client and the upstream. */
export interface GatewayVariant {
  name: string
  title: string
  /** CPU time per request in units of the base's, at most. */
  target?: number
  /** Whether Redis takes part, whose CPU time is told apart. */
  usesRedis?: boolean
  open(surroundings: Surroundings): Promise<MeasuredServer>
}

export interface Surroundings {
  upstream: string
  postgresql: Postgresql
  redis: RedisServer
}

/** What all others are compared with: Fastify's own plugin for a proxy. */
export const gatewayBase = 'reply-from'

type Present = GatewayPlan['present']

const presentKey: Present = async (bench) => ({
  credential: { 'X-API-Key': (await createKey(bench)).value },
})
const presentLimitedKey: Present = async (bench) => {
  const key = await createKey(bench)
  await limitKey(bench, key)
  return { credential: { 'X-API-Key': key.value } }
}
const presentSignedJwt: Present = async (bench) => {
  const { id, value } = await createKey(bench, { jwt: true })
  // A key's secret is the last part of its value.
  const secret = new TextEncoder().encode(value.split('_').at(-1))
  const jwt = await new SignJWT({})
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setIssuer(id)
    .setIssuedAt()
    .setExpirationTime('12h')
    .sign(secret)
  return { credential: { Authorization: `Bearer ${jwt}` } }
}

export const gatewayVariants: readonly GatewayVariant[] = [
  {
    name: gatewayBase,
    title: '`@fastify/reply-from`',
    open: ({ upstream }) => startVariant('reply-from', [upstream]),
  },
  {
    name: 'http-proxy',
    title: '`@fastify/http-proxy`',
    open: ({ upstream }) => startVariant('http-proxy', [upstream]),
  },
  { name: 'nginx', title: 'nginx', open: ({ upstream }) => openNginx(upstream) },
  {
    name: 'key',
    title: 'Latchkey, key',
    target: 1.35,
    open: ({ upstream }) => openGateway({ upstream, present: presentKey }),
  },
  {
    name: 'key-postgresql',
    title: 'Latchkey, key, on PostgreSQL',
    target: 1.35,
    open: ({ upstream, postgresql }) => openGateway({ upstream, postgresql, present: presentKey }),
  },
  {
    name: 'limits',
    title: 'Latchkey, key with three limits, in memory',
    target: 1.45,
    open: ({ upstream }) => openGateway({ upstream, present: presentLimitedKey }),
  },
  {
    name: 'redis',
    // On PostgreSQL, because replicas share it where they share Redis.
    title: 'Latchkey, key with three limits, in Redis (its CPU apart), on PostgreSQL',
    target: 1.7,
    usesRedis: true,
    open: ({ upstream, postgresql, redis }) =>
      openGateway({ upstream, postgresql, env: { REDIS_URL: redis.url }, present: presentLimitedKey }),
  },
  {
    name: 'jwt',
    title: 'Latchkey, JWT signed with a key',
    open: ({ upstream }) => openGateway({ upstream, present: presentSignedJwt }),
  },
]
