import { cpSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { PGlite } from '@electric-sql/pglite'
import { inject } from 'vitest'
import { openDatabase } from '../../src/store/database.js'
import { type EmbeddedDatabase, serveInMemory, startInMemory } from '../../src/store/embedded.js'
import { migrationsDir } from './migrations-dir.js'

export interface TestDatabaseOptions {
  /** SQL that runs before the database is opened. */
  before?: string
  /** Default: those of this checkout, which are applied already. */
  migrations?: string
}

/**
 * Opens an embedded database in memory, empty and with all migrations; the test closes it. The PostgreSQL under it
 * serves one test after another, because to start one takes as long as to empty it thirty times. Pool and Prisma
 * client are new for each test.
 */
export function openTestDatabase({ before = '', migrations = migrationsDir }: TestDatabaseOptions = {}) {
  const openMemory = () => borrow(before)
  return openDatabase({ url: undefined, dataDir: ':memory:', migrationsDir: migrations, openMemory })
}

/** Puts a database into `DATA_DIR`, empty and with all migrations, because to make one takes seconds. */
export function copyDatabaseTo(dataDir: string): void {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  cpSync(inject('databaseFolder'), join(dataDir, 'db'), { recursive: true })
}

interface Lendable {
  lite: PGlite
  /** The schema as the template has it. */
  schema: string
}

// Each takes about 130 MB, and most tests need one.
const maxIdle = 1
const idle: Lendable[] = []

async function borrow(before: string): Promise<EmbeddedDatabase> {
  const lendable = idle.pop() ?? (await start())
  if (before !== '') await lendable.lite.exec(before)
  const embedded = await serveInMemory(lendable.lite)
  return { ...embedded, close: async () => ((await takeBack(lendable)) ? undefined : embedded.close()) }
}

async function start(): Promise<Lendable> {
  const lite = await startInMemory(new Blob([readFileSync(inject('databaseArchive'))]))
  return { lite, schema: await readSchema(lite) }
}

/** @returns whether it can be lent again; not when a test changed more than rows, or closed or broke it */
async function takeBack(lendable: Lendable): Promise<boolean> {
  if (idle.length >= maxIdle) return false
  try {
    await lendable.lite.exec('ROLLBACK')
    await lendable.lite.exec('DISCARD ALL')
    if ((await readSchema(lendable.lite)) !== lendable.schema) return false
    await lendable.lite.exec(emptyTables)
  } catch {
    return false
  }
  idle.push(lendable)
  return true
}

/** Each change of the schema writes or removes a row of these, and the row has the number of that transaction. */
const catalogs = [
  ...['pg_class', 'pg_attribute', 'pg_attrdef', 'pg_type', 'pg_proc', 'pg_constraint', 'pg_trigger'],
  ...['pg_index', 'pg_rewrite', '_prisma_migrations'],
]

async function readSchema(lite: PGlite): Promise<string> {
  const marks = catalogs.map((name) => `(SELECT count(*) || '/' || max(xmin::text::bigint) FROM ${name})`)
  const { rows } = await lite.query<{ schema: string }>(
    `SELECT concat_ws(' ', ${marks.join(', ')}) AS schema`,
  )
  return rows[0]?.schema ?? ''
}

/** DELETE, because TRUNCATE makes new files of all tables and indexes, which takes longer than a few rows. */
const emptyTables = `DO $$ DECLARE name text; BEGIN
  SET LOCAL session_replication_role = replica;
  FOR name IN SELECT format('%I', tablename) FROM pg_tables
    WHERE schemaname = 'public' AND tablename <> '_prisma_migrations'
  LOOP EXECUTE 'DELETE FROM ' || name; END LOOP;
  PERFORM setval(format('%I', sequencename)::regclass, start_value, false)
    FROM pg_sequences WHERE schemaname = 'public';
END $$`
