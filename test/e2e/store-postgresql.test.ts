import { randomUUID } from 'node:crypto'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Database, openDatabase } from '../../src/store/database.js'
import { StoreUnavailable } from '../../src/store/unavailable.js'
import { migrationsDir } from '../support/migrations-dir.js'
import { aSession, readSessionNames, writeSession } from '../support/sessions.js'
import { requirePostgresql } from './support/environment.js'

/** Lets whoever comes wait until two are there; nobody waits after that. */
function aMeetingOfTwo(): () => Promise<void> {
  const arrivals: (() => void)[] = []
  return () =>
    new Promise((resolve) => {
      arrivals.push(resolve)
      if (arrivals.length >= 2) for (const arrive of arrivals) arrive()
    })
}

describe('on a PostgreSQL server', () => {
  /** Of a role that may create databases and end connections. */
  let serverUrl: string
  let admin: pg.Client
  let name: string
  let opened: Database[]
  let log: string[]

  beforeAll(async () => {
    serverUrl = (await requirePostgresql()).superuserUrl
  })
  beforeEach(async () => {
    admin = new pg.Client(serverUrl)
    await admin.connect()
    name = `latchkey_${randomUUID().replaceAll('-', '')}`
    await admin.query(`CREATE DATABASE ${name}`)
    opened = []
    log = []
  })
  afterEach(async () => {
    await Promise.all(opened.map((database) => database.close()))
    await admin.query(`DROP DATABASE ${name} WITH (FORCE)`)
    await admin.end()
  })

  async function open(folder = migrationsDir): Promise<Database> {
    const url = new URL(serverUrl)
    url.pathname = name
    const database = await openDatabase({
      url: url.href,
      dataDir: '',
      migrationsDir: folder,
      log: (message) => log.push(message),
    })
    opened.push(database)
    return database
  }

  /** Ends the connections of the database under test as a restart of the server would. */
  async function breakConnections(): Promise<void> {
    await admin.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [name])
  }

  test('of two processes that start at once, one migrates and both are ready', async () => {
    const [one, two] = await Promise.all([open(), open()])

    const applied = [...one.appliedMigrations, ...two.appliedMigrations]
    expect(applied).toContain('20261121000000_init')
    expect(new Set(applied).size).toBe(applied.length)
    await writeSession(one, 'one')
    expect(await readSessionNames(two)).toEqual(['one'])
  })

  test('a migration may take longer than a statement of a request', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'latchkey-migrations-'))
    cpSync(migrationsDir, folder, { recursive: true })
    mkdirSync(join(folder, '29990101000000_slow'))
    writeFileSync(
      join(folder, '29990101000000_slow', 'migration.sql'),
      `CREATE TABLE allowed AS SELECT current_setting('statement_timeout') AS migration`,
    )

    const database = await open(folder)

    const rows = await database.query({
      name: 'allowed',
      text: `SELECT migration, current_setting('statement_timeout') AS request FROM allowed`,
      values: [],
    })
    expect(rows).toEqual([{ migration: '0', request: '10s' }])
    rmSync(folder, { recursive: true })
  })

  test('two transactions that contradict each other are both stored, one after the other', async () => {
    const database = await open()
    let runs = 0
    const waitForTwo = aMeetingOfTwo()
    const addIfFew = (session: string) =>
      database.write(
        async (tx) => {
          const seen = await tx.session.count()
          runs += 1
          await waitForTwo()
          await tx.session.create({ data: aSession(session, { data: { seen } }) })
          return seen
        },
        { isolationLevel: 'Serializable' },
      )

    const seen = await Promise.all([addIfFew('one'), addIfFew('two')])

    expect(seen.sort()).toEqual([0, 1])
    // Of the two, PostgreSQL refuses one at least once; more often when it is slow.
    expect(runs).toBeGreaterThanOrEqual(3)
  })

  test('a deadlock is resolved without the caller noticing', async () => {
    const database = await open()
    await writeSession(database, 'one')
    await writeSession(database, 'two')
    const waitForTwo = aMeetingOfTwo()
    const touch = (names: string[]) =>
      database.write(async (tx) => {
        for (const session of names) {
          await tx.session.update({
            where: { idHash: Buffer.from(session) },
            data: { subject: names.join() },
          })
          await waitForTwo()
        }
      })

    await Promise.all([touch(['one', 'two']), touch(['two', 'one'])])

    const sessions = await database.prisma.session.findMany()
    expect(new Set(sessions.map(({ subject }) => subject)).size).toBe(1)
  })

  test('a transaction that fails five times is given up', async () => {
    const database = await open()
    let runs = 0

    const writing = database.write(async (tx) => {
      runs += 1
      await tx.$executeRaw`DO $$ BEGIN RAISE EXCEPTION 'conflict' USING ERRCODE = '40001'; END $$`
    })

    await expect(writing).rejects.toThrow('conflict')
    expect(runs).toBe(5)
  })

  test('an error that no repetition can mend is not tried again', async () => {
    const database = await open()
    let runs = 0

    const writing = database.write(async (tx) => {
      runs += 1
      await tx.$executeRaw`SELECT no_such_column`
    })

    await expect(writing).rejects.toThrow('no_such_column')
    expect(runs).toBe(1)
  })

  test('a connection lost in a transaction is unavailable, and stores nothing; the next write goes through', async () => {
    const database = await open()

    const writing = database.write(async (tx) => {
      await tx.session.create({ data: aSession('lost') })
      await breakConnections()
      await sleep(50)
    })

    await expect(writing).rejects.toThrow(StoreUnavailable)
    await writeSession(database, 'next')
    expect(await readSessionNames(database)).toEqual(['next'])
  })

  test('a connection lost in a statement is unavailable', async () => {
    const database = await open()
    const slow = { name: 'slow', text: 'SELECT pg_sleep(5)', values: [] }
    const asking = database.query(slow)
    const outcomes = Promise.allSettled([asking, database.prisma.$executeRaw`SELECT pg_sleep(5)`])
    await sleep(200)

    await breakConnections()

    expect(await outcomes).toEqual([
      { status: 'rejected', reason: expect.any(StoreUnavailable) },
      { status: 'rejected', reason: expect.any(StoreUnavailable) },
    ])
  })

  test('connections lost while idle are logged, and replaced on the next call', async () => {
    const database = await open()
    await database.prisma.session.count()

    await breakConnections()
    await expect.poll(() => log).toContain('A database connection broke while it was idle')

    expect(await database.isReachable(1000)).toBe(true)
    expect(await database.prisma.session.count()).toBe(0)
  })

  test('a statement that takes too long is unavailable', async () => {
    const database = await open()

    const writing = database.write(async (tx) => {
      await tx.$executeRaw`SET LOCAL statement_timeout = 50`
      await tx.$executeRaw`SELECT pg_sleep(1)`
    })

    await expect(writing).rejects.toThrow(StoreUnavailable)
  })

  test('a server that takes no more connections is unavailable', async () => {
    const database = await open()
    await admin.query(`ALTER DATABASE ${name} CONNECTION LIMIT 0`)
    await admin.query(`CREATE ROLE ${name} LOGIN`)
    const url = new URL(serverUrl)
    url.username = name
    url.pathname = name

    const opening = openDatabase({ url: url.href, dataDir: '', migrationsDir })

    await expect(opening).rejects.toThrow(StoreUnavailable)
    expect(await database.isReachable(1000)).toBe(true)
    await admin.query(`DROP ROLE ${name}`)
  })

  test('a database that does not exist is unavailable, and its reason is kept for the log', async () => {
    const url = new URL(serverUrl)
    url.pathname = 'no_such_database'

    const opening = openDatabase({ url: url.href, dataDir: '', migrationsDir })

    await expect(opening).rejects.toThrow(StoreUnavailable)
    await expect(opening).rejects.toMatchObject({ cause: { code: '3D000' } })
  })

  test('a pool with no connection free makes the caller wait no longer than a second', async () => {
    const database = await open()
    const busy = Array.from({ length: 10 }, () =>
      database.query({ name: 'slow', text: 'SELECT pg_sleep(2)', values: [] }),
    )
    await sleep(300)
    const before = performance.now()

    const asking = database.query({ name: 'one', text: 'SELECT 1', values: [] })

    await expect(asking).rejects.toThrow(StoreUnavailable)
    expect(performance.now() - before).toBeLessThan(1500)
    expect(await database.isReachable(100)).toBe(false)
    await Promise.all(busy)
  })

  test('instants are stored right in a database of another time zone', async () => {
    await admin.query(`ALTER DATABASE ${name} SET timezone = 'Asia/Kolkata'`)
    const expiresAt = new Date('2027-06-30T23:59:59.123Z')
    const database = await open()
    await database.write((tx) => tx.session.create({ data: aSession('one', { expiresAt }) }))

    const rows = await database.query({
      name: 'epoch',
      text: 'SELECT extract(epoch FROM expires_at)::float8 AS epoch FROM sessions',
      values: [],
    })

    expect(rows).toEqual([{ epoch: expiresAt.getTime() / 1000 }])
  })
})
