import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { ask, type NewKey, newName } from './journeys/people.js'
import { requireKeycloak, requirePostgresql } from './support/environment.js'
import { type KeycloakAddress, logInByPassword } from './support/keycloak-client.js'
import { createDatabase, type PostgresqlAddress, runSql } from './support/postgresql.js'
import { type Service, startService } from './support/service.js'
import { settingsFor } from './support/settings.js'

// The server's time zone is Pacific/Auckland, half a day from UTC: see support/postgresql.ts.
describe('in PostgreSQL', () => {
  let keycloak: KeycloakAddress
  let postgresql: PostgresqlAddress
  let token: string
  let databaseUrl: string
  beforeAll(async () => {
    keycloak = await requireKeycloak()
    postgresql = await requirePostgresql()
    token = (await logInByPassword(keycloak, 'alice')).access_token
  })
  beforeEach(async () => {
    databaseUrl = await createDatabase(postgresql)
  })

  test('keys outlive the service, whether it ended or was killed', async () => {
    const first = await start()
    const one = await createKey(first)
    await first.stop()
    const second = await start()
    const two = await createKey(second)
    await second.kill()
    const third = await start()

    expect([await useKey(third, one), await useKey(third, two)]).toEqual([200, 200])
    const list = await manage(third, 'GET', '/api-keys')
    expect(list.body).toMatchObject({ items: [{ id: two.id }, { id: one.id }] })
    await third.stop()
  })

  test('two services that start at once migrate once, and know the same keys', async () => {
    const [one, two] = await Promise.all([start(), start()])

    const applied = [...(await readMigrations(one)), ...(await readMigrations(two))]
    const stored = await runSql(databaseUrl, 'SELECT migration_name AS name FROM _prisma_migrations')
    const key = await createKey(one)
    const before = await useKey(two, key)
    await manage(one, 'POST', `/api-keys/${key.id}/revoke`, {})

    expect(applied.length).toBeGreaterThan(0)
    expect(applied.toSorted()).toEqual(stored.map(({ name }) => name).toSorted())
    expect(before).toBe(200)
    // What the other one remembers serves for 5 s.
    await expect.poll(() => useKey(two, key), { timeout: 6_000, interval: 250 }).toBe(401)
    await Promise.all([one.stop(), two.stop()])
  })

  describe('far from UTC', () => {
    let service: Service
    beforeAll(async () => {
      service = await startService({ env: settingsFor(keycloak, await createDatabase(postgresql)) })
    })
    afterAll(async () => await service.stop())

    test('a key was created now, and ends 15 days from now', async () => {
      const key = await createKey(service)
      const { body } = await manage(service, 'GET', `/api-keys/${key.id}`)

      const { created_at, expires_at } = body as NewKey
      expect(Math.abs(Date.parse(created_at) - Date.now())).toBeLessThan(5_000)
      expect(Date.parse(expires_at) - Date.parse(created_at)).toBe(15 * 86_400_000)
      expect([key.created_at, key.expires_at]).toEqual([created_at, expires_at])
    })

    test('a key of two seconds works until its last moment and not a moment longer', async () => {
      const key = await createKey(service, { expires_in: 2 })
      const end = Date.parse(key.expires_at)

      const atFirst = await useKey(service, key)
      await delay(end - Date.now() - 250)
      const nearTheEnd = await useKey(service, key)
      await delay(end - Date.now() + 10)
      const afterwards = await useKey(service, key)
      const { body } = await manage(service, 'GET', `/api-keys/${key.id}`)

      expect(end - Date.parse(key.created_at)).toBe(2_000)
      expect([atFirst, nearTheEnd, afterwards]).toEqual([200, 200, 401])
      expect(body).toMatchObject({ status: 'expired' })
    })
  })

  test('the stored instants are those that were told, whoever reads them', async () => {
    const service = await start()
    const key = await createKey(service)
    await service.stop()

    const [row] = await runSql(
      databaseUrl,
      `SELECT extract(epoch FROM created_at)::float8 AS created, extract(epoch FROM expires_at)::float8 AS expires,
        current_setting('TimeZone') AS zone FROM api_keys`,
    )

    expect(row).toEqual({
      created: Date.parse(key.created_at) / 1000,
      expires: Date.parse(key.expires_at) / 1000,
      zone: 'Pacific/Auckland',
    })
  })

  test('neither the value of a key nor its secret is stored', async () => {
    const service = await start()
    const key = await createKey(service)
    await useKey(service, key)
    await service.stop()

    const tables = await runSql(
      databaseUrl,
      "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public'",
    )
    const rows = await Promise.all(
      tables.map(({ name }) => runSql(databaseUrl, `SELECT t::text AS row FROM "${name}" t`)),
    )

    const stored = JSON.stringify(rows)
    const [, , secret = 'none'] = key.value.split('_')
    expect(stored).toContain(key.id)
    expect(stored).not.toContain(secret)
    expect(await service.log().catch(() => '')).not.toContain(secret)
  })

  async function start(): Promise<Service> {
    return await startService({ env: settingsFor(keycloak, databaseUrl) })
  }

  async function createKey(service: Service, options: { expires_in?: number } = {}): Promise<NewKey> {
    const { status, body } = await manage(service, 'POST', '/api-keys', { name: newName(), ...options })
    expect(status).toBe(201)
    // The answer of a creation, as the contract fixes it.
    return body as NewKey
  }

  async function manage(service: Service, method: string, path: string, body?: object) {
    return await ask(`${service.url}${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) },
      ...(body && { body: JSON.stringify(body) }),
    })
  }
})

async function useKey(service: Service, { value }: NewKey): Promise<number> {
  const { status } = await ask(`${service.url}/catalog/collections`, { headers: { 'x-api-key': value } })
  return status
}

/** Those that a service applied, by its own word. */
async function readMigrations(service: Service): Promise<string[]> {
  const log = await service.log()
  const ready = log.split('\n').find((line) => line.includes('"msg":"ready"'))
  return JSON.parse(ready ?? '{}').migrations ?? []
}
