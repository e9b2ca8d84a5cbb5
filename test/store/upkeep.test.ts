import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Database, openDatabase } from '../../src/store/database.js'
import { migrationsDir } from '../support/migrations-dir.js'

let dataDir: string
let database: Database
beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'latchkey-upkeep-'))
  database = await openDatabase({ url: undefined, dataDir, migrationsDir })
})
afterAll(async () => {
  await database.close()
  rmSync(dataDir, { recursive: true })
})

const listSegments = () =>
  readdirSync(join(dataDir, 'db', 'pg_wal')).filter((name) => /^[0-9A-F]{24}$/.test(name))

/** About 16 MiB of log, one of its segments. */
async function fillSegment(): Promise<void> {
  await database.prisma.$executeRaw`
    SELECT pg_logical_emit_message(false, 'filling', repeat(md5(n::text), 32768)) FROM generate_series(1, 16) AS n`
}

test('the log does not grow for ever, however long the process lives', { timeout: 60_000 }, async () => {
  const counts: number[] = []
  for (let filled = 0; filled < 15; filled += 1) {
    await fillSegment()
    // The upkeep looks twice a second.
    await expect.poll(() => listSegments().length, { timeout: 5_000 }).toBeLessThan(6)
    counts.push(listSegments().length)
  }

  expect(Math.max(...counts)).toBeGreaterThan(1)
  expect(listSegments().at(-1)).not.toBe('000000010000000000000001')
})
