import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Database, openDatabase } from '../../src/store/database.js'
import { type Change, notify } from '../../src/store/notices.js'
import { migrationsDir } from '../support/migrations-dir.js'
import { requirePostgresql } from './support/environment.js'
import { projectFolder } from './support/folders.js'
import { createDatabase, runSql } from './support/postgresql.js'

const run = promisify(execFile)

/** A replica without its service. */
interface Replica {
  db: Database
  heard: Change[]
  log: string[]
}

let superuserUrl: string
let url: string
let name: string
let replicas: Replica[]

beforeEach(async () => {
  const server = await requirePostgresql()
  superuserUrl = server.superuserUrl
  url = await createDatabase(server)
  name = new URL(url).pathname.slice(1)
  replicas = []
})
afterEach(async () => {
  await Promise.all(replicas.map(({ db }) => db.close()))
  await runSql(superuserUrl, `DROP DATABASE ${name} WITH (FORCE)`)
})

async function openReplica(folder = migrationsDir): Promise<Replica> {
  const log: string[] = []
  const db = await openDatabase({
    url,
    dataDir: '',
    migrationsDir: folder,
    log: (message) => log.push(message),
  })
  const replica: Replica = { db, heard: [], log }
  db.notices.subscribe((change) => replica.heard.push(change))
  replicas.push(replica)
  return replica
}

/** Ends the connections on which replicas listen, and no others. */
async function endListening(): Promise<void> {
  const ended = await runSql(
    superuserUrl,
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE datname = $1 AND application_name = 'latchkey-changes'`,
    [name],
  )
  expect(ended.length).toBe(replicas.length)
}

const announceAt = ({ db }: Replica, change: Change) => db.write((tx) => notify(tx, change))

test('a change is heard by every replica within 100 ms of being stored', async () => {
  const [one, other] = [await openReplica(), await openReplica()]

  await announceAt(one, { key: 'k1' })
  await announceAt(one, { owner: 'a subject: with, "anything"\nin it' })

  const both = [{ key: 'k1' }, { owner: 'a subject: with, "anything"\nin it' }]
  await expect.poll(() => [one.heard, other.heard], { timeout: 100, interval: 5 }).toEqual([both, both])
})

test('nobody hears of a change before it is stored', async () => {
  const [one, other] = [await openReplica(), await openReplica()]
  let heardBefore: Change[] = []

  await one.db.write(async (tx) => {
    await notify(tx, { key: 'k1' })
    await sleep(300)
    heardBefore = [...other.heard]
  })

  expect(heardBefore).toEqual([])
  await expect.poll(() => other.heard, { timeout: 100, interval: 5 }).toEqual([{ key: 'k1' }])
})

test('a change that was undone is never heard of', async () => {
  const [one, other] = [await openReplica(), await openReplica()]

  const writing = one.db.write(async (tx) => {
    await notify(tx, { key: 'undone' })
    throw new Error('undo it')
  })

  await expect(writing).rejects.toThrow('undo it')
  await announceAt(one, { key: 'later' })
  await expect.poll(() => other.heard).toEqual([{ key: 'later' }])
})

test('whoever has unsubscribed hears nothing more', async () => {
  const { db, heard } = await openReplica()
  const more: Change[] = []
  const unsubscribe = db.notices.subscribe((change) => more.push(change))

  unsubscribe()
  await db.write((tx) => notify(tx, { key: 'k1' }))

  await expect.poll(() => heard).toEqual([{ key: 'k1' }])
  expect(more).toEqual([])
})

test('while a replica is connected, what it does not hear is never older than a second', async () => {
  const { db } = await openReplica()
  const { epoch } = db.notices
  const silences: number[] = []

  for (let looks = 0; looks < 40; looks += 1) {
    await sleep(25)
    silences.push(db.notices.silentForMs())
  }

  expect(Math.max(...silences)).toBeLessThan(1000)
  // Proved anew by each pulse.
  expect(silences.some((silence, at) => silence < (silences[at - 1] ?? 0))).toBe(true)
  expect(db.notices.epoch).toBe(epoch)
})

test('a connection that was ended is replaced at once, in a new epoch, and nobody is refused meanwhile', async () => {
  const [one, other] = [await openReplica(), await openReplica()]
  const { epoch } = other.db.notices
  const slow = other.db.query({ name: 'slow', text: `SELECT 1 AS one FROM pg_sleep(1)`, values: [] })

  await endListening()
  await expect.poll(() => other.db.notices.epoch, { timeout: 1000, interval: 5 }).toBe(epoch + 1)
  await expect.poll(() => one.db.notices.epoch).toBe(epoch + 1)
  await announceAt(one, { key: 'k1' })

  await expect.poll(() => other.heard, { timeout: 100, interval: 5 }).toEqual([{ key: 'k1' }])
  expect(await slow).toEqual([{ one: 1 }])
  expect(other.log).toEqual([
    'The database connection that hears of changes is lost',
    expect.stringMatching(/^The database is heard again, after \d\.\d s of$/),
  ])
})

test('with no place for that connection the silence grows, and all else goes on', async () => {
  const [one, other] = [await openReplica(), await openReplica()]
  const { epoch } = other.db.notices
  for (const { db } of replicas) await db.write((tx) => notify(tx, { key: 'warm' }))
  await runSql(superuserUrl, `ALTER DATABASE ${name} CONNECTION LIMIT 0`)

  await endListening()
  await announceAt(one, { key: 'missed' })
  await sleep(1500)
  const silentForMs = other.db.notices.silentForMs()
  const writing = announceAt(other, { key: 'missed too' })

  await expect(writing).resolves.toBeUndefined()
  expect(silentForMs).toBeGreaterThan(1500)
  expect(other.db.notices.epoch).toBe(epoch)
  expect(await other.db.isReachable(1000)).toBe(true)
  expect(other.log).toHaveLength(1)

  await runSql(superuserUrl, `ALTER DATABASE ${name} CONNECTION LIMIT -1`)
  await expect.poll(() => other.db.notices.epoch, { timeout: 3000 }).toBe(epoch + 1)
  expect(other.db.notices.silentForMs()).toBeLessThan(1000)
  await announceAt(one, { key: 'heard' })
  await expect.poll(() => other.heard).toContainEqual({ key: 'heard' })
  expect(other.heard).not.toContainEqual({ key: 'missed' })
})

test('a replica that cannot listen at its start works, knows that it hears nothing, and listens later', async () => {
  const one = await openReplica()
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-migrations-'))
  cpSync(migrationsDir, folder, { recursive: true })
  mkdirSync(join(folder, '29990101000000_full'))
  writeFileSync(
    join(folder, '29990101000000_full', 'migration.sql'),
    `ALTER DATABASE ${name} CONNECTION LIMIT 0`,
  )

  const other = await openReplica(folder)

  expect(other.db.notices.silentForMs()).toBe(Number.POSITIVE_INFINITY)
  await runSql(superuserUrl, `ALTER DATABASE ${name} CONNECTION LIMIT -1`)
  await expect.poll(() => other.db.notices.silentForMs(), { timeout: 3000 }).toBeLessThan(1000)
  await announceAt(one, { key: 'k1' })
  await expect.poll(() => other.heard).toEqual([{ key: 'k1' }])
  rmSync(folder, { recursive: true })
})

test.each(['', 'k1', 'key:', '{"key":"k1"}', 'secret:k1', 'KEY:k1', `key${'x'.repeat(99)}`])(
  'a notice of somebody else that reads %j is ignored',
  async (payload) => {
    const { db, heard } = await openReplica()

    await runSql(url, 'SELECT pg_notify($1, $2)', ['latchkey_changes', payload])
    await runSql(url, 'SELECT pg_notify($1, $2)', ['another_channel', 'key:k1'])

    await db.write((tx) => notify(tx, { key: 'ours' }))
    await expect.poll(() => heard).toEqual([{ key: 'ours' }])
  },
)

test('closing waits for nobody, also while the connection is being replaced', async () => {
  const [connected, replacing] = [await openReplica(), await openReplica()]
  await runSql(superuserUrl, `ALTER DATABASE ${name} CONNECTION LIMIT 0`)
  await endListening()
  const begun = performance.now()

  await Promise.all([connected.db.close(), replacing.db.close()])

  expect(performance.now() - begun).toBeLessThan(500)
  await runSql(superuserUrl, `ALTER DATABASE ${name} CONNECTION LIMIT -1`)
  await sleep(1000)
  const left = await runSql(superuserUrl, 'SELECT 1 FROM pg_stat_activity WHERE datname = $1', [name])
  expect(left).toEqual([])
})

test('listening keeps no process alive that has nothing else to do', async () => {
  const script = `
    import { openDatabase } from '${join(projectFolder, 'dist/src/store/database.js')}'
    const db = await openDatabase(${JSON.stringify({ url, dataDir: '', migrationsDir })})
    console.log(Number.isFinite(db.notices.silentForMs()))`

  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', script], {
    timeout: 20_000,
  })

  expect(stdout).toBe('true\n')
})
