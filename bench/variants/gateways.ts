import { SignJWT } from 'jose'
import { createKey, type GatewayPlan, limitKey, openGateway } from '../programs/gateway.js'
import { openNginx } from '../programs/nginx.js'
import type { RedisServer } from '../programs/redis.js'
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
  redis: RedisServer
}

/** What all others are compared with: Fastify's own plugin for a proxy. */
export const gatewayBase = 'reply-from'

type Present = GatewayPlan['present']

const presentKey: Present = async (service) => ({
  credential: { 'X-API-Key': (await createKey(service)).value },
})
const presentLimitedKey: Present = async (service) => {
  const key = await createKey(service)
  await limitKey(service, key)
  return { credential: { 'X-API-Key': key.value } }
}
const presentSignedJwt: Present = async (service) => {
  const { id, value } = await createKey(service, { jwt: true })
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
    target: 1.15,
    open: ({ upstream }) => openGateway({ upstream, present: presentKey }),
  },
  {
    name: 'limits',
    title: 'Latchkey, key with three limits, in memory',
    target: 1.2,
    open: ({ upstream }) => openGateway({ upstream, present: presentLimitedKey }),
  },
  {
    name: 'redis',
    title: 'Latchkey, key with three limits, in Redis (its CPU apart)',
    target: 1.6,
    usesRedis: true,
    open: ({ upstream, redis }) =>
      openGateway({ upstream, env: { REDIS_URL: redis.url }, present: presentLimitedKey }),
  },
  {
    name: 'jwt',
    title: 'Latchkey, JWT signed with a key',
    open: ({ upstream }) => openGateway({ upstream, present: presentSignedJwt }),
  },
]
