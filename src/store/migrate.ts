import { createHash, randomUUID } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** One session of the database that nobody else uses meanwhile: a client of `pg`. */
export interface MigrationSession {
  query(text: string, values?: unknown[]): Promise<{ rows: unknown[] }>
}

/** The database and this build do not fit together; a person has to decide. */
export class MigrationRefused extends Error {
  override readonly name = 'MigrationRefused'
}

interface Migration {
  name: string
  sql: string
  checksum: string
}

interface AppliedMigration {
  name: string
  checksum: string
  finished: boolean
}

// The lock and the table that `prisma migrate` itself uses: both may run against one database, even at once.
const advisoryLock = 72707369
const migrationsTable = `CREATE TABLE IF NOT EXISTS "_prisma_migrations" (
  "id" VARCHAR(36) PRIMARY KEY NOT NULL,
  "checksum" VARCHAR(64) NOT NULL,
  "finished_at" TIMESTAMPTZ,
  "migration_name" VARCHAR(255) NOT NULL,
  "logs" TEXT,
  "rolled_back_at" TIMESTAMPTZ,
  "started_at" TIMESTAMPTZ NOT NULL DEFAULT now(),
  "applied_steps_count" INTEGER NOT NULL DEFAULT 0
)`

/**
 * Brings the database to this build's schema, each migration in a transaction of its own (so none may hold what
 * PostgreSQL refuses inside one, such as CREATE INDEX CONCURRENTLY). Processes that start together take turns.
 * @param folder of `<name>/migration.sql`, applied in the order of their names
 * @returns the names of the migrations applied now
 * @throws MigrationRefused when the database is newer than this build, or a migration was changed, failed or half done
 */
export async function migrate(session: MigrationSession, folder: string): Promise<string[]> {
  const known = readMigrations(folder)
  await takeTurn(session)
  try {
    await session.query(migrationsTable)
    const pending = decidePending(known, await readApplied(session))
    for (const migration of pending) await applyMigration(session, migration)
    return pending.map((migration) => migration.name)
  } finally {
    await session.query(`SELECT pg_advisory_unlock(${advisoryLock})`)
  }
}

/** What is still to be applied; refuses a history that this build cannot go on from. */
export function decidePending(known: Migration[], applied: AppliedMigration[]): Migration[] {
  const knownByName = new Map(known.map((migration) => [migration.name, migration]))
  for (const { name, checksum, finished } of applied) {
    const migration = knownByName.get(name)
    if (migration === undefined)
      throw new MigrationRefused(
        `The database has the migration ${name}, which this version does not know: a newer version has used it. ` +
          'Start that version, or restore the database from before its upgrade',
      )
    if (!finished)
      throw new MigrationRefused(
        `The migration ${name} was begun and not finished. Repair the database by hand, then ` +
          'mark it with `prisma migrate resolve`',
      )
    if (checksum !== migration.checksum)
      throw new MigrationRefused(
        `The migration ${name} was changed after it had been applied to this database. ` +
          'Restore its file, and write the change as a new migration',
      )
  }
  const appliedNames = new Set(applied.map(({ name }) => name))
  return known.filter(({ name }) => !appliedNames.has(name))
}

function readMigrations(folder: string): Migration[] {
  const names = readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort()
  return names.map((name) => {
    const sql = readFileSync(join(folder, name, 'migration.sql'), 'utf8')
    return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') }
  })
}

async function takeTurn(session: MigrationSession): Promise<void> {
  // Bounded, so that a forgotten session elsewhere makes a clear error and not a start that never ends.
  await session.query(`SET lock_timeout = '60s'`)
  await session.query(`SELECT pg_advisory_lock(${advisoryLock})`)
  await session.query('RESET lock_timeout')
}

async function readApplied(session: MigrationSession): Promise<AppliedMigration[]> {
  const { rows } = await session.query(
    `SELECT migration_name AS name, checksum, finished_at IS NOT NULL AS finished
     FROM "_prisma_migrations" WHERE rolled_back_at IS NULL`,
  )
  return rows as AppliedMigration[] // The columns of the statement above.
}

async function applyMigration(session: MigrationSession, migration: Migration): Promise<void> {
  await session.query('BEGIN')
  try {
    await session.query(migration.sql)
    await session.query(
      `INSERT INTO "_prisma_migrations"
         (id, checksum, migration_name, started_at, finished_at, applied_steps_count)
       VALUES ($1, $2, $3, now(), clock_timestamp(), 1)`,
      [randomUUID(), migration.checksum, migration.name],
    )
    await session.query('COMMIT')
  } catch (error) {
    await session.query('ROLLBACK')
    throw new MigrationRefused(`The migration ${migration.name} failed and was undone`, { cause: error })
  }
}
