import { appendFileSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Database } from '../../src/store/database.js'
import { MigrationRefused } from '../../src/store/migrate.js'
import { openTestDatabase } from '../support/database.js'
import { migrationsDir } from '../support/migrations-dir.js'

const init = '20261121000000_init'
let folder: string
let opened: Database[]

beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), 'latchkey-migrations-')), 'migrations')
  cpSync(migrationsDir, folder, { recursive: true })
  opened = []
})
afterEach(async () => {
  await Promise.all(opened.map((database) => database.close()))
  rmSync(join(folder, '..'), { recursive: true })
})

/** @param before what was done to the database by hand, which has all migrations of this checkout */
async function open(before = ''): Promise<Database> {
  const database = await openTestDatabase({ before, migrations: folder })
  opened.push(database)
  return database
}

function addMigration(name: string, sql: string): void {
  mkdirSync(join(folder, name), { recursive: true })
  writeFileSync(join(folder, name, 'migration.sql'), sql)
}

describe('opening a database', () => {
  test('an empty database gets every migration', async () => {
    const database = await open('DROP SCHEMA public CASCADE; CREATE SCHEMA public')

    expect(database.appliedMigrations[0]).toBe(init)
    expect(await database.prisma.owner.count()).toBe(0)
  })

  test('a database that has every migration gets none again', async () => {
    const database = await open()

    expect(database.appliedMigrations).toEqual([])
  })

  test('a new migration is applied, and recorded as `prisma migrate` records it', async () => {
    addMigration('29990101000000_note', 'CREATE TABLE note (id INT); INSERT INTO note VALUES (1), (2);')

    const database = await open()

    expect(database.appliedMigrations).toEqual(['29990101000000_note'])
    const rows = await database.query({
      name: 'migration-row',
      text: `SELECT length(checksum) AS checksum, finished_at >= started_at AS finished, rolled_back_at, logs,
               applied_steps_count AS steps, (SELECT count(*)::int FROM note) AS notes
             FROM _prisma_migrations WHERE migration_name = $1`,
      values: ['29990101000000_note'],
    })
    expect(rows).toEqual([
      { checksum: 64, finished: true, rolled_back_at: null, logs: null, steps: 1, notes: 2 },
    ])
  })

  test('a migration marked as rolled back is applied again', async () => {
    const rolledBack = `INSERT INTO _prisma_migrations (id, checksum, migration_name, rolled_back_at)
       VALUES ('1', 'x', '29990101000000_note', now())`
    addMigration('29990101000000_note', 'CREATE TABLE note (id INT)')

    const database = await open(rolledBack)

    expect(database.appliedMigrations).toEqual(['29990101000000_note'])
  })

  test('a migration that was changed after it had been applied is refused by name', async () => {
    appendFileSync(join(folder, init, 'migration.sql'), '-- one more line\n')

    const opening = open()

    await expect(opening).rejects.toThrow(MigrationRefused)
    await expect(opening).rejects.toThrow(`${init} was changed after it had been applied`)
  })

  test('a database that a newer version has migrated is refused, and the newer version asked for', async () => {
    const newer = `INSERT INTO _prisma_migrations (id, checksum, migration_name, finished_at)
       VALUES ('1', 'x', '29990101000000_later', now())`

    const opening = open(newer)

    await expect(opening).rejects.toThrow(MigrationRefused)
    await expect(opening).rejects.toThrow(/29990101000000_later.* does not know: a newer version has used it/)
  })

  test('a half-done migration is refused until a person has resolved it', async () => {
    const halfDone = 'UPDATE _prisma_migrations SET finished_at = NULL'

    const opening = open(halfDone)

    await expect(opening).rejects.toThrow(MigrationRefused)
    await expect(opening).rejects.toThrow(`${init} was begun and not finished`)
  })

  test('a migration that fails is undone whole and named, with the reason for the log', async () => {
    addMigration('29990101000000_bad', 'CREATE TABLE half (id INT); SELECT no_such_column FROM half;')

    const error = await open().catch((error: unknown) => error)

    expect(error).toBeInstanceOf(MigrationRefused)
    expect(error).toMatchObject({
      message: expect.stringContaining('29990101000000_bad failed and was undone'),
      cause: { code: '42703' },
    })
  })

  test('a migration folder without its file is refused', async () => {
    mkdirSync(join(folder, '29990101000000_empty'))

    await expect(open()).rejects.toThrow('migration.sql')
  })
})

test('server keys that share a name get their id behind it, but for the oldest', async () => {
  const owner = (subject: string, kind: string) =>
    `INSERT INTO owners (subject, kind, login, known_at) VALUES ('${subject}', '${kind}', 'Ingestion', now());`
  const key = (id: string, subject: string, name: string, day: number) =>
    `INSERT INTO api_keys (id, owner_subject, name, created_at)
     VALUES ('${id}', '${subject}', '${name}', '2026-11-0${day}T00:00:00Z');`
  const long = 'L'.repeat(100)
  const before = `
    DROP INDEX owners_server_login_key;
    DELETE FROM _prisma_migrations WHERE migration_name LIKE '%server_key_names';
    ${['b', 'a', 'c', 'd'].map((id) => owner(`server:${id}`, 'server')).join('')} ${owner('p', 'user')} ${owner('q', 'user')}
    ${key('a', 'server:a', 'Ingestion', 2)} ${key('b', 'server:b', 'Ingestion', 1)}
    ${key('c', 'server:c', long, 1)} ${key('d', 'server:d', long, 2)}
    ${key('e', 'p', 'Ingestion', 3)} ${key('f', 'q', 'Ingestion', 4)}`

  const { prisma, appliedMigrations } = await open(before)

  expect(appliedMigrations).toEqual([expect.stringContaining('server_key_names')])
  const keys = await prisma.apiKey.findMany({ include: { owner: true }, orderBy: { id: 'asc' } })
  expect(keys.map(({ name }) => name)).toEqual([
    ...['Ingestion (a)', 'Ingestion', long, `${long.slice(4)} (d)`],
    ...['Ingestion', 'Ingestion'],
  ])
  const servers = keys.filter((each) => each.owner.kind === 'server')
  expect(servers.map((each) => each.owner.login)).toEqual(servers.map(({ name }) => name))
})

test('a server key that has such a name already gives way, and none is renamed for ever', async () => {
  const long = 'L'.repeat(96)
  const server = (id: string, name: string, day: number) => `
    INSERT INTO owners (subject, kind, login, known_at) VALUES ('server:${id}', 'server', '${name}', now());
    INSERT INTO api_keys (id, owner_subject, name, created_at)
    VALUES ('${id}', 'server:${id}', '${name}', '2026-11-0${day}T00:00:00Z');`
  const before = `
    DROP INDEX owners_server_login_key;
    DELETE FROM _prisma_migrations WHERE migration_name LIKE '%server_key_names';
    ${server('a', 'Ingestion', 1)} ${server('b', 'Ingestion', 2)} ${server('c', 'Ingestion (b)', 3)}
    ${server('d', `${long} (f)`, 4)} ${server('e', `${long}LLLL`, 5)} ${server('f', `${long}LLLL`, 6)}`

  const { prisma } = await open(before)

  const keys = await prisma.apiKey.findMany({ include: { owner: true }, orderBy: { id: 'asc' } })
  expect(keys.map(({ name }) => name)).toEqual([
    ...['Ingestion', 'Ingestion (b)', 'Ingestion (b) (c)'],
    ...[`${long} (d)`, `${long}LLLL`, `${long} (f)`],
  ])
  expect(keys.map(({ owner }) => owner.login)).toEqual(keys.map(({ name }) => name))
})
