import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Database, openDatabase } from '../../src/store/database.js'
import { StoreUnavailable } from '../../src/store/unavailable.js'
import { migrationsDir } from '../support/migrations-dir.js'
import { ask, type NewKey, newName } from './journeys/people.js'
import { type Service, ServiceDidNotStart } from './support/service.js'
import { type Home, makeEmbeddedHome } from './survival/homes.js'
import { canMount, mountSmallDisk, type SmallDisk } from './survival/small-disk.js'

// A new database takes 40 MiB of it, and its log 64 at most.
const sizeMiB = 192
/** The service looks twice a second. */
const noticeMs = 5_000

describe.skipIf(!(await canMount()))('the disk of the embedded database is full', () => {
  let disk: SmallDisk
  beforeEach(async () => {
    disk = await mountSmallDisk(sizeMiB)
  })
  afterEach(async () => await disk.remove())

  test('keys are checked, changes are 503 and leave nothing behind, and all is well once there is room', async () => {
    const home = await makeEmbeddedHome(disk.folder)
    let service = await home.start()
    try {
      const [used, unused, revoked] = [await createKey(home), await createKey(home), await createKey(home)]
      await manage(home, 'POST', `/api-keys/${revoked.id}/revoke`)
      await useKey(home, used)
      const before = await listKeys(home)

      disk.fill()
      await expect.poll(() => readiness(home), { timeout: noticeMs }).toBe(503)
      const answers = await changeAll(home, used)
      const checks = [await useKey(home, used), await useKey(home, unused), await useKey(home, revoked)]
      const meanwhile = await listKeys(home)

      for (const answer of answers)
        expect(answer).toMatchObject({ status: 503, body: { code: 'unavailable' } })
      expect(JSON.stringify(answers)).not.toMatch(/No space|read-only|prisma|25006|53100/i)
      expect(checks).toEqual([200, 200, 401])
      expect(meanwhile).toEqual(before)

      // Killed while the disk is full, it cannot start again, and says why.
      await service.kill()
      const refused = await home.start().catch((error: unknown) => error)
      expectExplained(refused)

      disk.makeRoom()
      service = await home.start()
      expect(await listKeys(home)).toEqual(before)
      expect([await useKey(home, used), await useKey(home, unused), await useKey(home, revoked)]).toEqual(
        checks,
      )

      // And without a restart.
      disk.fill()
      await expect.poll(() => readiness(home), { timeout: noticeMs }).toBe(503)
      expect((await changeAll(home, used)).map(({ status }) => status)).toEqual([503, 503, 503, 503])
      disk.makeRoom()
      await expect.poll(() => readiness(home), { timeout: noticeMs }).toBe(200)
      expect((await changeAll(home, used)).map(({ status }) => status)).toEqual([201, 200, 200, 200])
      expect(await service.log()).toContain('The disk is nearly full')
    } finally {
      await service.kill()
    }
  })

  test('a database that PostgreSQL gave up on answers at once that it is away, and opens again by itself', async () => {
    const told: string[] = []
    const database = await openDatabase({
      url: undefined,
      dataDir: join(disk.folder, 'data'),
      migrationsDir,
      log: (message) => told.push(message),
    })
    try {
      await prepareGrowingLog(database)
      await database.write((tx) => tx.$executeRaw`INSERT INTO notes VALUES (1, 'acknowledged')`)

      disk.fill()
      // More log than the segment under way holds, in one statement: too quick for the upkeep to end writing before.
      const stopping = growLog(database)
      await expect(stopping).rejects.toThrow(StoreUnavailable)
      await expect(readNotes(database)).rejects.toThrow(StoreUnavailable)
      expect(await database.isReachable(1_000)).toBe(false)

      disk.makeRoom()
      await expect.poll(() => database.isReachable(1_000), { timeout: 15_000 }).toBe(true)
      await database.write((tx) => tx.$executeRaw`INSERT INTO notes VALUES (2, 'afterwards')`)
      expect(await readNotes(database)).toEqual(['acknowledged', 'afterwards'])
      expect(told).toContain('The embedded database had stopped, and is open again')
    } finally {
      await database.close()
    }
  })
})

async function createKey(home: Home): Promise<NewKey> {
  const { status, body } = await manage(home, 'POST', '/api-keys', { name: newName() })
  expect(status).toBe(201)
  // The answer of a creation, as the contract fixes it.
  return body as NewKey
}

/** A creation, a change, a revocation and a renewal, which leaves the key as it was. */
async function changeAll(home: Home, { id }: NewKey) {
  return [
    await manage(home, 'POST', '/api-keys', { name: newName() }),
    await manage(home, 'PATCH', `/api-keys/${id}`, { note: newName() }),
    await manage(home, 'POST', `/api-keys/${id}/revoke`),
    await manage(home, 'POST', `/api-keys/${id}/renew`),
  ]
}

/** Keys without what counts their use, which goes on. */
async function listKeys(home: Home): Promise<unknown[]> {
  const { status, body } = await manage(home, 'GET', '/api-keys')
  expect(status).toBe(200)
  // A list as the contract fixes it.
  const { items } = body as { items: Record<string, unknown>[] }
  return items.map(({ usage, ...key }) => key)
}

async function manage(home: Home, method: string, path: string, body?: object) {
  return await ask(`${home.url}${path}`, {
    method,
    headers: { ...(await home.findHeaders()), ...(body && { 'content-type': 'application/json' }) },
    ...(body && { body: JSON.stringify(body) }),
  })
}

async function useKey(home: Home, { value }: NewKey): Promise<number> {
  return (await ask(`${home.url}/catalog/collections`, { headers: { 'x-api-key': value } })).status
}

async function readiness(home: Home): Promise<number> {
  return (await ask(`${home.url}/health/ready`)).status
}

function expectExplained(refused: unknown): void {
  expect(refused).toBeInstanceOf(ServiceDidNotStart)
  const { log, exit } = refused as ServiceDidNotStart & Service
  expect(exit).toEqual({ code: 1, signal: null })
  expect(log).toMatch(/cannot be opened: make room|its disk is full/)
  expect(log).not.toMatch(/^ {4}at /m)
}

async function prepareGrowingLog(database: Database): Promise<void> {
  await database.prisma.$executeRaw`CREATE TABLE notes (id INT PRIMARY KEY, note TEXT)`
}

/** About 32 MiB of log and nothing else: a full disk refuses new pages of a table with a mere error. */
async function growLog(database: Database): Promise<unknown> {
  return await database.prisma.$executeRaw`
    SELECT pg_logical_emit_message(false, 'filling', repeat(md5(n::text), 32768)) FROM generate_series(1, 32) AS n`
}

async function readNotes(database: Database): Promise<unknown[]> {
  const rows = await database.query<{ note: string }>({
    name: 'notes',
    text: 'SELECT note FROM notes ORDER BY id',
    values: [],
  })
  return rows.map(({ note }) => note)
}
