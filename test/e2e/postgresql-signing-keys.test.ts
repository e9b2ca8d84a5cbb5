import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Database, openDatabase } from '../../src/store/database.js'
import { aReplica, letPass } from '../assertion/world.js'
import { migrationsDir } from '../support/migrations-dir.js'
import { requirePostgresql } from './support/environment.js'
import { createDatabase } from './support/postgresql.js'

// The embedded database lets one writer in at a time; only here do replicas really meet.
let databases: Database[]
beforeAll(async () => {
  const url = await createDatabase(await requirePostgresql())
  const open = () => openDatabase({ url, dataDir: '', migrationsDir })
  databases = [await open(), await open(), await open()]
})
afterAll(async () => await Promise.all(databases.map((database) => database.close())))

test('replicas on one PostgreSQL that need a key at the same moment make one, each time', async () => {
  const [db] = databases as [Database]
  const replicas = databases.flatMap((database) => Array.from({ length: 4 }, () => aReplica(database)))
  const rotateAll = () => Promise.all(replicas.map(({ refresh }) => refresh()))
  const kids = async () => (await db.prisma.signingKey.findMany()).map(({ kid }) => kid)

  await rotateAll()
  const first = await kids()
  await letPass(db, 30)
  await rotateAll()
  const second = await kids()

  expect([first.length, second.length]).toEqual([1, 2])
  expect(new Set(replicas.map(({ signer }) => signer()?.kid))).toEqual(new Set(first))
  for (const { log } of replicas) expect(log.join()).not.toContain('could not')
})
