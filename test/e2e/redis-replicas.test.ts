import { randomBytes, randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { hashValue, newKeyId, newValue } from '../../src/keys/value.js'
import { openDatabase } from '../../src/store/database.js'
import { type FakeIssuer, startFakeIssuer } from '../support/fake-issuer.js'
import { migrationsDir } from '../support/migrations-dir.js'
import { type Postgresql, startPostgresql } from './support/postgresql.js'
import { type RedisServer, startRedis } from './support/redis.js'
import { type Service, startService } from './support/service.js'
import { settingsFor } from './support/settings.js'
import { asCarol } from './support/tokens.js'

let postgresql: Postgresql
let redis: RedisServer
let issuer: FakeIssuer
let replicas: Service[] = []

beforeAll(async () => {
  ;[postgresql, redis, issuer] = await Promise.all([startPostgresql(), startRedis(), startFakeIssuer()])
  const env = {
    ...settingsFor({ issuer: issuer.url }, postgresql.url),
    ...{ DIRECTORY_URL: 'off', LIMIT_TOKENS: 'true', EXAMPLE_CATALOG: 'true' },
    REDIS_URL: redis.url,
  }
  replicas = [await startService({ env, until: 'live' }), await startService({ env, until: 'live' })]
  // Until each has heard of the other.
  await delay(2000)
})
afterAll(async () => {
  await Promise.all(replicas.map((replica) => replica.stop()))
  await redis?.stop()
  await postgresql?.stop()
  await issuer?.close()
})

/** A server's key with so many calls a day; @returns its value */
async function aServerKey(limitPerDay: number): Promise<string> {
  const id = newKeyId(randomBytes)
  const value = newValue('lk', id, randomBytes)
  const now = new Date()
  const db = await openDatabase({ url: postgresql.url, dataDir: '', migrationsDir })
  await db.prisma.owner.create({
    data: { subject: `server:${id}`, kind: 'server', login: `server-${id}`, rights: [], knownAt: now },
  })
  await db.prisma.apiKey.create({
    data: {
      ...{ id, ownerSubject: `server:${id}`, name: randomUUID(), createdAt: now, limitPerDay },
      ...{ scopes: ['inherit'], allowedReferers: [], allowedIps: [] },
      values: { create: { hash: new Uint8Array(hashValue(value)), createdAt: now } },
    },
  })
  await db.close()
  return value
}

async function call(value: string, at: number): Promise<Response> {
  const answer = await fetch(`${replicas[at % 2]?.url}/me`, { headers: { 'x-api-key': value } })
  await answer.text()
  return answer
}

test('4,000 calls at once at two replicas against a quota of 1,000 a day are 1,000 yes', async () => {
  const value = await aServerKey(1000)
  const statuses = new Map<number, number>()
  let next = 0

  const callers = Array.from({ length: 100 }, async () => {
    while (next < 4000) {
      const { status } = await call(value, next++)
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
    }
  })
  await Promise.all(callers)

  expect(Object.fromEntries(statuses)).toEqual({ 200: 1000, 429: 3000 })
  const refused = await call(value, 0)
  expect(refused.headers.get('otoroshi-daily-calls-remaining')).toBe('0')
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
})

test('2,000 calls at once with tokens of one person against a quota of 500 a day are 500 yes', async () => {
  const db = await openDatabase({ url: postgresql.url, dataDir: '', migrationsDir })
  const carol = { subject: 'carol-id', kind: 'user', login: 'carol', rights: [] } as const
  await db.prisma.owner.create({
    data: { ...carol, rights: [], knownAt: new Date(), limitPerDay: 500 },
  })
  await db.close()
  const tokens = await Promise.all(Array.from({ length: 20 }, () => asCarol(issuer)))
  const statuses = new Map<number, number>()
  let next = 0

  const callers = Array.from({ length: 100 }, async () => {
    while (next < 2000) {
      const at = next++
      // The key manager itself does not count tokens.
      const url = `${replicas[at % 2]?.url}/catalog/`
      const answer = await fetch(url, { headers: tokens[at % tokens.length] ?? {} })
      await answer.text()
      statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1)
    }
  })
  await Promise.all(callers)

  expect(Object.fromEntries(statuses)).toEqual({ 200: 500, 429: 1500 })
})

test('a Redis that is killed under load is no 5xx, and no call above the quota', async () => {
  const value = await aServerKey(1200)
  const statuses: number[] = []
  let isOver = false
  const callers = Array.from({ length: 8 }, async (_, at) => {
    while (!isOver) {
      statuses.push((await call(value, at)).status)
      await delay(25)
    }
  })
  await delay(1000)

  await redis.crash()
  await delay(2500)
  await redis.restart()
  const countPassed = () => statuses.filter((status) => status === 200).length
  for (const replica of replicas) {
    await expect.poll(replica.log, { timeout: 20_000 }).toContain('Redis is back')
  }
  // But for calls that Redis counted and could not tell any more.
  await expect.poll(countPassed, { timeout: 20_000 }).toBeGreaterThanOrEqual(1200 - 16)
  await delay(1000)
  isOver = true
  await Promise.all(callers)

  expect(new Set(statuses)).toEqual(new Set([200, 429]))
  expect(countPassed()).toBeLessThanOrEqual(1200)
})
