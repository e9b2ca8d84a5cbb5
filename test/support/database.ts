import { readFileSync } from 'node:fs'
import { inject } from 'vitest'
import { type Database, openDatabase } from '../../src/store/database.js'
import { migrationsDir } from './migrations-dir.js'

/** An embedded database in memory, empty and with all migrations; the test closes it. */
export function openTestDatabase(): Promise<Database> {
  return openDatabase({
    url: undefined,
    dataDir: ':memory:',
    migrationsDir,
    loadDataDir: readDatabaseTemplate(),
  })
}

/** What the test databases begin from. */
export function readDatabaseTemplate(): Blob {
  return new Blob([readFileSync(inject('databaseTemplate'))])
}
