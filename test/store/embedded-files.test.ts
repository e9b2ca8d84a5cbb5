import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, lstatSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { chooseModes } from '../../src/file-modes.js'
import { loadSecrets } from '../../src/secrets/startup.js'
import { openDatabase } from '../../src/store/database.js'
import { openFolder } from '../../src/store/embedded.js'
import { copyDatabaseTo } from '../support/database.js'
import { migrationsDir } from '../support/migrations-dir.js'

const isRoot = process.geteuid?.() === 0
let dataDir: string
let told: string[]
let umask: number
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'latchkey-modes-'))
  told = []
  umask = process.umask(0o022)
})
afterEach(() => {
  process.umask(umask)
  rmSync(dataDir, { recursive: true })
})

/** The modes of a folder and of all below it, each once, folders and files apart. */
function listModes(folder: string) {
  const paths = [
    folder,
    ...readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name)),
  ]
  const modes = { folders: new Set<string>(), files: new Set<string>() }
  for (const path of paths) {
    const found = lstatSync(path)
    const octal = (found.mode & 0o777).toString(8)
    if (found.isDirectory()) modes.folders.add(octal)
    else modes.files.add(octal)
  }
  return { folders: [...modes.folders], files: [...modes.files] }
}

async function use(whileOpen: () => void = () => {}): Promise<void> {
  const log = (message: string) => told.push(message)
  const database = await openDatabase({ url: undefined, dataDir, migrationsDir, log })
  whileOpen()
  await database.close()
}

const ofOwner = { folders: ['700'], files: ['600'] }
const ofGroup = { folders: ['770'], files: ['660'] }
const db = () => join(dataDir, 'db')

describe('the files of the embedded database', () => {
  test('are for their owner alone: new ones, those of a running database, and those of earlier releases', async () => {
    copyDatabaseTo(dataDir)
    execFileSync('chmod', ['-R', 'a+rwX', db()])

    await use(() => expect(listModes(db())).toEqual(ofOwner))

    expect(listModes(db())).toEqual(ofOwner)
    expect(told).toEqual([])
  })

  test('that are made while it runs are so too', async () => {
    copyDatabaseTo(dataDir)
    const database = await openFolder({ folder: db() })
    const before = readdirSync(db(), { recursive: true }).length
    const { default: pg } = await import('pg')
    const pool = new pg.Pool(database.poolConfig)

    await pool.query('CREATE TABLE made_now (a int PRIMARY KEY, b text)')
    await pool.query('CHECKPOINT')

    expect(readdirSync(db(), { recursive: true }).length).toBeGreaterThan(before)
    expect(listModes(db())).toEqual(ofOwner)
    await pool.end()
    await database.close()
  })

  test('of a first start are so from the beginning', async () => {
    await use()

    expect(listModes(db())).toEqual(ofOwner)
  })

  test.runIf(isRoot)(
    'are for the group 0 where it may write to the folder, and so are lock and secrets',
    async () => {
      chownSync(dataDir, 12_345, 0)
      chmodSync(dataDir, 0o775)
      copyDatabaseTo(dataDir)

      await use(() => {
        expect(listModes(db())).toEqual(ofGroup)
        expect(lstatSync(`${db()}.lock`).mode & 0o777).toBe(0o660)
      })
      await loadSecrets(dataDir, async () => ({ kty: 'RSA' }))

      expect(listModes(db())).toEqual(ofGroup)
      expect(lstatSync(join(dataDir, 'secrets.json')).mode & 0o777).toBe(0o660)
      expect(lstatSync(dataDir).mode & 0o777).toBe(0o775)
    },
  )

  test.runIf(isRoot)('of another owner are told by name', async () => {
    copyDatabaseTo(dataDir)
    for (const name of ['PG_VERSION', 'global']) chownSync(join(db(), name), 4242, 4242)

    await use()

    expect(told).toHaveLength(1)
    expect(told[0]).toContain(join(db(), 'PG_VERSION'))
    expect(told[0]).toContain(join(db(), 'global'))
    expect(told[0]).not.toContain('pg_wal')
  })
})

test('secrets that were restored open to others are closed', async () => {
  await loadSecrets(dataDir, async () => ({ kty: 'RSA' }))
  const file = join(dataDir, 'secrets.json')
  chmodSync(file, 0o666)

  await loadSecrets(dataDir, async () => ({ kty: 'RSA' }))

  expect(lstatSync(file).mode & 0o777).toBe(0o600)
})

test.runIf(isRoot).each([
  [0o700, 0, '600'],
  [0o755, 0, '600'],
  [0o770, 4242, '600'],
  [0o775, 0, '660'],
  [0o2770, 0, '660'],
])('a folder of mode %o and group %i holds files of mode %s', (mode, gid, expected) => {
  chownSync(dataDir, 0, gid)
  chmodSync(dataDir, mode)
  writeFileSync(join(dataDir, 'a'), '')

  expect(chooseModes(dataDir).file.toString(8)).toBe(expected)
})
