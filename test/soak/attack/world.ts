import { randomBytes, randomUUID } from 'node:crypto'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { hashValue, newKeyId, newValue } from '../../../src/keys/value.js'
import { type Database, openDatabase } from '../../../src/store/database.js'
import { makeTemporaryFolder } from '../../e2e/support/folders.js'
import { startHaproxy } from '../../e2e/support/haproxy.js'
import { findFreePort } from '../../e2e/support/ports.js'
import { startPostgresql } from '../../e2e/support/postgresql.js'
import { startRedis } from '../../e2e/support/redis.js'
import { type Service, startService } from '../../e2e/support/service.js'
import { settingsFor } from '../../e2e/support/settings.js'
import { startIssuer } from '../../support/failing-issuer.js'
import { migrationsDir } from '../../support/migrations-dir.js'
import { startUpstream, type Upstream } from '../../support/upstream.js'

export const stalledSeconds = 15
export const shutdownDelaySeconds = 5
/** Its body takes longer than any reader here waits. */
const largeBytes = 50_000_000

/** A place that is attacked: one process, or two behind a balancer. */
export interface Place {
  name: 'replicas' | 'embedded'
  /** Where clients reach it. */
  url: string
  gatewayUrl: string
  /** The processes themselves, for peers that a balancer would not let through. */
  ports(): { own: number; gateway: number }[]
  /** Headers by which a person manages their keys. */
  manage(): Promise<Record<string, string>>
  /** The longest time for which some process may not know of a revocation after its answer, in ms. */
  maxLateMs: number
}

export interface Replica {
  current: Service
  /** Starts it again where it was. */
  restart(): Promise<void>
  gatewayPort: number
}

export interface World {
  upstream: Upstream & { smuggled: number }
  embedded: Place & { pid: number }
  replicas: Place & { processes: Replica[]; makeLimitedKey(perDay: number): Promise<string> }
  close(): Promise<void>
}

const limitsOff = {
  MAX_KEYS_PER_USER: '1000000',
  KEY_CHANGES_PER_HOUR: 'off',
  LOGIN_RATE_PER_MINUTE: 'off',
  REFUSED_RATE_PER_MINUTE: 'off',
  STALLED_CONNECTION_SECONDS: String(stalledSeconds),
  LOG_LEVEL: 'warn',
}

/** Two replicas on PostgreSQL and Redis behind HAProxy, one embedded service, and a service that all of them guard. */
export async function openWorld(): Promise<World> {
  const upstream = await startTarget()
  const folder = await makeTemporaryFolder('attack')
  const servicesFile = join(folder, 'services.json')
  await writeFile(servicesFile, JSON.stringify(describeServices(upstream.url)))
  const [postgresql, redis, issuer] = await Promise.all([startPostgresql(), startRedis(), startIssuer()])
  const env = {
    ...{ ...settingsFor({ issuer: issuer.url }, postgresql.url), ...limitsOff },
    ...{ DIRECTORY_URL: 'off', REDIS_URL: redis.url, SERVICES_FILE: servicesFile, TRUST_PROXY: '127.0.0.1' },
    SHUTDOWN_DELAY_SECONDS: String(shutdownDelaySeconds),
  }
  const processes = [await startReplica(env), await startReplica(env)]
  const haproxy = await startHaproxy([
    processes.map(({ current }) => current.port),
    processes.map(({ gatewayPort }) => gatewayPort),
  ])
  const embedded = await startEmbedded(servicesFile)
  const db = await openDatabase({ url: postgresql.url, dataDir: '', migrationsDir })
  // Until HAProxy knows both, and each has heard of the other.
  await sleep(2500)

  const [url = '', gatewayUrl = ''] = haproxy.urls
  return {
    upstream,
    embedded: embedded.place,
    replicas: {
      ...{ name: 'replicas' as const, url, gatewayUrl, processes, maxLateMs: 1000 },
      ports: () => processes.map(({ current, gatewayPort }) => ({ own: current.port, gateway: gatewayPort })),
      manage: async () => ({ authorization: `Bearer ${await issuer.token(Date.now)}` }),
      makeLimitedKey: (perDay) => makeLimitedKey(db, perDay),
    },
    close: async () => {
      await db.close()
      await Promise.all(processes.map(({ current }) => current.kill()))
      await Promise.all([
        embedded.service.kill(),
        haproxy.stop(),
        issuer.close(),
        redis.stop(),
        upstream.close(),
      ])
      await postgresql.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

async function startReplica(env: Record<string, string>): Promise<Replica> {
  const [port, gatewayPort] = [await findFreePort(), await findFreePort()]
  const folder = await makeTemporaryFolder('replica')
  const start = () =>
    startService({ port, folder, env: { ...env, GATEWAY_PORT: String(gatewayPort) }, until: 'ready' })
  const replica: Replica = {
    current: await start(),
    gatewayPort,
    restart: async () => {
      replica.current = await start()
    },
  }
  return replica
}

async function startEmbedded(servicesFile: string): Promise<{ service: Service; place: World['embedded'] }> {
  const gatewayPort = await findFreePort()
  const key = `single-user-${randomUUID()}`
  const service = await startService({
    env: {
      ...{ ...limitsOff, SINGLE_USER: 'true', LATCHKEY_SINGLE_USER_API_KEY: key },
      ...{ GATEWAY_PORT: String(gatewayPort), SERVICES_FILE: servicesFile },
    },
  })
  const place: World['embedded'] = {
    ...{
      name: 'embedded',
      url: service.url,
      gatewayUrl: `http://127.0.0.1:${gatewayPort}`,
      pid: service.pid,
    },
    ports: () => [{ own: service.port, gateway: gatewayPort }],
    manage: async () => ({ 'x-api-key': key }),
    maxLateMs: 0,
  }
  return { service, place }
}

/** `/echo` is for everybody with a key, `/echo/admin` for nobody here. */
const describeServices = (target: string) => ({
  groups: [{ id: 'g', name: 'G' }],
  services: [
    { id: 'echo', name: 'Echo', group: 'g', prefix: '/echo', target },
    {
      id: 'admin',
      name: 'A',
      group: 'g',
      prefix: '/echo/admin',
      target,
      access: { scopes: ['nobody-has-it'] },
    },
  ],
})

/** Answers at once, in a stream of events, or with more than anybody reads; and notes what never may come. */
async function startTarget(): Promise<World['upstream']> {
  const started = await startUpstream((request, response) => {
    const path = request.url ?? ''
    if (/smuggled|admin/i.test(path)) target.smuggled += 1
    request.resume()
    if (path.startsWith('/events')) {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      const timer = setInterval(() => response.write('data: on\n\n'), 250)
      response.on('close', () => clearInterval(timer))
      return
    }
    if (path.startsWith('/large')) return void response.end(Buffer.alloc(largeBytes))
    request.on('end', () => response.end('echo'))
  })
  const target: World['upstream'] = { ...started, smuggled: 0 }
  return target
}

/** The key of a server, which may make so many calls a day. @returns its value */
async function makeLimitedKey(db: Database, limitPerDay: number): Promise<string> {
  const id = newKeyId(randomBytes)
  const value = newValue('lk', id, randomBytes)
  const now = new Date()
  await db.prisma.owner.create({
    data: { subject: `server:${id}`, kind: 'server', login: `server-${id}`, rights: [], knownAt: now },
  })
  await db.prisma.apiKey.create({
    data: {
      ...{ id, ownerSubject: `server:${id}`, name: randomUUID(), createdAt: now, limitPerDay },
      ...{ scopes: ['inherit'], allowedReferers: [], allowedIps: [], services: ['echo'] },
      values: { create: { hash: new Uint8Array(hashValue(value)), createdAt: now } },
    },
  })
  return value
}
