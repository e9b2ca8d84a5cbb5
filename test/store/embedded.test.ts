import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Database, openDatabase } from '../../src/store/database.js'
import { StoreUnavailable } from '../../src/store/unavailable.js'
import type { SegmentDisk } from '../../src/store/wal-sync.js'
import { startChild, type TestChild } from '../support/child-process.js'
import { copyDatabaseTo } from '../support/database.js'
import { migrationsDir } from '../support/migrations-dir.js'
import { aSession, readSessionNames, writeSession } from '../support/sessions.js'

let dataDir: string
let opened: Database[]
let children: TestChild[]

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'latchkey-embedded-'))
  copyDatabaseTo(dataDir)
  opened = []
  children = []
})
afterEach(async () => {
  await Promise.all(children.map((child) => child.kill()))
  await Promise.all(opened.map((database) => database.close()))
  rmSync(dataDir, { recursive: true })
})

async function open(disk?: SegmentDisk): Promise<Database> {
  const database = await openDatabase({ url: undefined, dataDir, migrationsDir, disk })
  opened.push(database)
  return database
}

function startWriter(prefix: string): TestChild {
  const child = startChild('write-sessions', dataDir, prefix)
  children.push(child)
  return child
}

/** A disk whose syncs wait until `letGo` says how they end; nothing is noted before `watch`. */
function aHeldDisk() {
  const asked: string[] = []
  const askedNow: string[] = []
  let held: Promise<void> | undefined
  let end: { letGo(): void; refuse(): void } = { letGo: () => {}, refuse: () => {} }
  const disk: SegmentDisk = {
    sync: async (segment) => {
      if (held) asked.push(segment)
      await held
    },
    syncNow: (segment) => void askedNow.push(segment),
  }
  const watch = () => {
    askedNow.length = 0
    held = new Promise((letGo, refuse) => {
      end = { letGo, refuse: () => refuse(new Error('EIO')) }
    })
  }
  return { disk, asked, askedNow, watch, letGo: () => end.letGo(), refuse: () => end.refuse() }
}

describe('the folder', () => {
  test('what was written is there after closing and opening again', async () => {
    const first = await open()
    await writeSession(first, 'one')
    await first.close()

    const second = await open()

    expect(await readSessionNames(second)).toEqual(['one'])
    expect(second.appliedMigrations).toEqual([])
  })

  test('only its owner may enter it', async () => {
    await open()

    expect(statSync(join(dataDir, 'db')).mode & 0o777).toBe(0o700)
  })

  // This one makes a database, which takes long on a loaded machine.
  test('a first start that was killed half way is begun anew', { timeout: 120_000 }, async () => {
    rmSync(join(dataDir, 'db'), { recursive: true })
    mkdirSync(join(dataDir, 'db.new'))
    writeFileSync(join(dataDir, 'db.new', 'PG_VERSION'), '18')

    const database = await open()

    expect(await readSessionNames(database)).toEqual([])
    expect(existsSync(join(dataDir, 'db.new'))).toBe(false)
  })

  test('rows are found by an index, also by what was asked while the tables were empty', async () => {
    const database = await open()

    const plan = await database.query<{ 'QUERY PLAN': string }>({
      name: 'explain-a-look-up',
      text: `EXPLAIN SELECT * FROM api_keys k JOIN owners o ON o.subject = k.owner_subject WHERE k.id = ANY($1)`,
      values: [['x']],
    })

    const text = plan.map((row) => row['QUERY PLAN']).join(' ')
    expect(text).toContain('api_keys_pkey')
    expect(text).not.toContain('Seq Scan')
  })

  test('closing twice is closing once', async () => {
    const database = await open()

    await Promise.all([database.close(), database.close()])

    expect(existsSync(join(dataDir, 'db.lock'))).toBe(false)
  })
})

describe('two processes', () => {
  test('the second on a folder is refused with the folder and the pid of the first', async () => {
    const child = startWriter('child')
    await child.waitForLine('open')

    const opening = open()

    await expect(opening).rejects.toThrow(`${join(dataDir, 'db')} is in use by process ${child.pid}.`)
  })

  test('a folder whose process was killed is ready again', async () => {
    const child = startWriter('child')
    await child.waitForLine('child-')
    await child.kill()

    const database = await open()
    await writeSession(database, 'after')

    expect(await readSessionNames(database)).toContain('after')
  })

  test('no acknowledged write is lost however often the process is killed', {
    timeout: 120_000,
  }, async () => {
    const acknowledged: string[] = []
    for (const prefix of ['first', 'second', 'third']) {
      const child = startWriter(prefix)
      await child.waitForLine(`${prefix}-2-${20 + Math.floor(Math.random() * 50)}`)
      await child.kill()
      acknowledged.push(...child.lines.filter((line) => line.startsWith(prefix)))
    }

    const stored = new Set(await readSessionNames(await open()))

    expect(acknowledged.length).toBeGreaterThan(60)
    expect(acknowledged.filter((name) => !stored.has(name))).toEqual([])
  })
})

describe('power loss', () => {
  test('a write is acknowledged only after the log has reached the disk', async () => {
    const held = aHeldDisk()
    const database = await open(held.disk)
    held.watch()

    let acknowledged = false
    const writing = writeSession(database, 'one').then(() => {
      acknowledged = true
    })
    // Committed, as the other query sees, and yet not acknowledged.
    await expect.poll(() => readSessionNames(database)).toEqual(['one'])
    await expect.poll(() => held.asked).toHaveLength(1)

    expect(acknowledged).toBe(false)
    held.letGo()
    await writing
    expect(acknowledged).toBe(true)
  })

  test('many writes share a sync', async () => {
    const held = aHeldDisk()
    const database = await open(held.disk)
    held.watch()

    const writing = Array.from({ length: 20 }, (_, count) => writeSession(database, String(count)))
    await expect.poll(() => database.prisma.session.count()).toBe(20)
    held.letGo()
    await Promise.all(writing)

    expect(held.asked).toHaveLength(2)
  })

  test('a page is written only after the log that describes it, though nobody waits for the log', async () => {
    const held = aHeldDisk()
    const database = await open(held.disk)
    held.watch()
    await database.prisma.$executeRaw`CREATE TABLE grown (id INT)`

    await database.prisma.$executeRaw`INSERT INTO grown VALUES (1)`

    expect(held.askedNow[0]).toMatch(/pg_wal\/[0-9A-F]{24}$/)
    held.letGo()
  })

  test('a checkpoint writes no page to the disk before the log that describes it', async () => {
    const held = aHeldDisk()
    const database = await open(held.disk)
    held.watch()
    await database.prisma.session.create({ data: aSession('one') })

    await database.prisma.$executeRaw`CHECKPOINT`

    expect(held.askedNow[0]).toMatch(/pg_wal\/[0-9A-F]{24}$/)
    held.letGo()
  })

  test('after the disk has refused once, nothing is acknowledged any more', async () => {
    const held = aHeldDisk()
    const database = await open(held.disk)
    held.watch()
    const first = writeSession(database, 'one')
    await expect.poll(() => held.asked).toHaveLength(1)

    held.refuse()

    await expect(first).rejects.toThrow(StoreUnavailable)
    await expect(writeSession(database, 'two')).rejects.toThrow(StoreUnavailable)
    expect(await database.isReachable(1000)).toBe(false)
  })
})
