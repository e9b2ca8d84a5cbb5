import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Database, openDatabase } from '../../src/store/database.js'
import { linkSecret, makeLink } from '../links/links.js'
import { migrationsDir } from '../support/migrations-dir.js'
import { startService, type TestService } from '../support/service.js'
import { setServices } from '../support/services.js'
import { startUpstream, type Upstream } from '../support/upstream.js'
import { requirePostgresql } from './support/environment.js'
import { createDatabase } from './support/postgresql.js'

// Two replicas on one PostgreSQL: what one of them signs, and what one of them ends, the other only hears of.
let upstream: Upstream
const replicas: TestService[] = []
beforeAll(async () => {
  upstream = await startUpstream()
  const url = await createDatabase(await requirePostgresql())
  const open = (): Promise<Database> => openDatabase({ url, dataDir: '', migrationsDir })
  for (const db of [await open(), await open()]) {
    replicas.push(await startService(linkSecret, { db, hasGateway: true }))
  }
  await setServices(replicas[0] as TestService, { id: 'echo', target: upstream.url })
})
afterAll(async () => {
  await Promise.all(replicas.map((replica) => replica.close()))
  await upstream.close()
})

test('a link of one replica opens at the other, dies there with its key, and stays dead after a renewal', async () => {
  const [one, other] = replicas as [TestService, TestService]
  const key = await one.createKey('alice')
  const { pathname } = new URL(await makeLink(one, key, '/echo/tiles'))
  const statusAt = async (replica: TestService, path = pathname) =>
    (await fetch(replica.gatewayUrl + path)).status
  const change = async (what: string) =>
    one.inject({ method: 'POST', url: `/api-keys/${key.id}/${what}`, headers: await one.as('alice') })
  await expect.poll(() => statusAt(other), { timeout: 5000 }).toBe(200)

  await change('revoke')

  expect(await statusAt(one)).toBe(401)
  await expect.poll(() => statusAt(other), { timeout: 1000, interval: 20 }).toBe(401)
  await change('renew')
  const next = new URL(await makeLink(one, key, '/echo/tiles')).pathname
  await expect.poll(() => statusAt(other, next), { timeout: 1000, interval: 20 }).toBe(200)
  expect([await statusAt(one), await statusAt(other)]).toEqual([401, 401])
})
