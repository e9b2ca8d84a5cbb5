import { setTimeout as sleep } from 'node:timers/promises'
import { PrismaPg } from '@prisma/adapter-pg'
import type pg from 'pg'
import type { RequireAwaited } from './availability.js'
import { closeEngine, type Engine, type EngineOptions, openEngine } from './engine.js'
import { type Prisma, PrismaClient } from './generated/client.js'
import { migrate } from './migrate.js'
import type { Notices } from './notices.js'
import type { Tx } from './transaction.js'
import { asStoreErrors, isConflict, isUnavailable } from './unavailable.js'

export interface DatabaseOptions extends EngineOptions {
  /** The folder of `<name>/migration.sql`. */
  migrationsDir: string
}

export interface PreparedQuery {
  /** Of the prepared statement: one name for one text. */
  name: string
  text: string
  values: unknown[]
  /** Runs it in a transaction, so that what its caller was told has failed is not done later. Default: false. */
  isChange?: boolean
}

export interface WriteOptions {
  /** Default: read committed. */
  isolationLevel?: Prisma.TransactionIsolationLevel
}

/**
 * The open database. Every call of it throws StoreUnavailable when the database cannot be asked now: at once while
 * PostgreSQL does not answer, and those under way as soon as that is noticed, which takes less than a second.
 */
export interface Database {
  /** For statements outside of a transaction. */
  prisma: PrismaClient & Pick<Tx, 'announcesChanges'>
  kind: Engine['kind']
  /** The names of the migrations that opening it has applied. */
  appliedMigrations: string[]
  /** One prepared statement without Prisma, for the look-up that every checked request waits for. */
  query<T>(query: PreparedQuery): Promise<T[]>
  /**
   * One transaction; resolved means stored, on the embedded database also on the disk. After a serialization failure
   * or a deadlock the work is run again, up to 5 times in all, so it must not act on anything but `tx`. An error of
   * `tx` that the work catches has already undone the transaction: let it pass, and catch it outside.
   * What fails with StoreUnavailable was not stored, unless the server fell silent after it had been sent the COMMIT.
   */
  write<T>(work: (tx: Tx) => Promise<T>, options?: WriteOptions): Promise<T>
  notices: Notices
  /** Whether the database answers within the time, and can still store. */
  isReachable(timeoutMs: number): Promise<boolean>
  close(): Promise<void>
}

const attempts = 5
const transactionTimes = { maxWait: 15_000, timeout: 30_000 }

/**
 * Opens the database and brings it to this build's schema.
 * @throws StoreUnavailable · MigrationRefused · DirectoryInUse · FolderUnopenable
 */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  const engine = await asStoreErrors(openEngine(options))
  engine.pool.on('error', (error) =>
    options.log?.('A database connection broke while it was idle', { error }),
  )
  try {
    const appliedMigrations = await asStoreErrors(applyMigrations(engine, options.migrationsDir))
    const notices = await engine.startListening(options.log)
    return createDatabase(engine, appliedMigrations, notices)
  } catch (error) {
    await closeEngine(engine)
    throw error
  }
}

function createDatabase(engine: Engine, appliedMigrations: string[], notices: Notices): Database {
  const { availability, pool, turns } = engine
  const prisma = createPrisma(engine)
  let closing: Promise<void> | undefined
  return {
    prisma,
    kind: engine.kind,
    appliedMigrations,
    notices,
    query: (query) =>
      availability.whileAnswering((requireAwaited) => asStoreErrors(queryRows(pool, query, requireAwaited))),
    write: (work, options) =>
      availability.whileAnswering(async (requireAwaited) => {
        const checked = checkWork(work, requireAwaited)
        const result = await turns(() => writeWithRetries({ prisma, requireAwaited }, checked, options))
        // Outside the turn: the next commits join this sync or the one after it, instead of waiting for it.
        await asStoreErrors(engine.syncLog())
        return result
      }),
    isReachable: (timeoutMs) => isReachable(engine, timeoutMs),
    close: () => {
      closing ??= prisma.$disconnect().then(() => closeEngine(engine))
      return closing
    },
  }
}

type Work<T> = (tx: Tx) => Promise<T>

/** Work whose caller was told meanwhile that the database is away does not end in a commit. */
function checkWork<T>(work: Work<T>, requireAwaited: RequireAwaited): Work<T> {
  return async (tx) => {
    const result = await work(tx)
    requireAwaited()
    return result
  }
}

async function applyMigrations(engine: Engine, migrationsDir: string): Promise<string[]> {
  const [session, end] = await engine.openMigrationSession()
  try {
    const applied = await migrate(session, migrationsDir)
    await engine.syncLog()
    return applied
  } finally {
    await end()
  }
}

function createPrisma({ kind, pool, availability }: Engine): Database['prisma'] {
  const prisma = new PrismaClient({ adapter: new PrismaPg(pool) })
  const extended = prisma.$extends({
    // The client of each transaction has this member too.
    client: { announcesChanges: kind === 'postgresql' },
    query: {
      $allOperations: ({ args, query }) => availability.whileAnswering(() => asStoreErrors(query(args))),
    },
  })
  // The extension adds and changes no method, only which errors come; its type merely lost `$on`.
  return extended as unknown as Database['prisma']
}

async function queryRows<T>(
  pool: pg.Pool,
  query: PreparedQuery,
  requireAwaited: RequireAwaited,
): Promise<T[]> {
  // Not `pool.query`, which gives up its connection after any error, and the embedded database has only one.
  const client = await pool.connect()
  const ignore = () => {}
  client.on('error', ignore)
  let isBroken = false
  try {
    const ask = query.isChange ? changeRows : readRows
    return await ask<T>(client, query, requireAwaited)
  } catch (error) {
    isBroken = isUnavailable(error)
    throw error
  } finally {
    client.off('error', ignore)
    client.release(isBroken)
  }
}

async function readRows<T>(client: pg.PoolClient, { name, text, values }: PreparedQuery): Promise<T[]> {
  const { rows } = await client.query({ name, text, values })
  return rows as T[] // The caller wrote the columns of the statement.
}

/** A statement alone commits by itself, even when the server finds it in a connection that was given up. */
async function changeRows<T>(
  client: pg.PoolClient,
  query: PreparedQuery,
  requireAwaited: RequireAwaited,
): Promise<T[]> {
  await client.query('BEGIN')
  try {
    const rows = await readRows<T>(client, query)
    requireAwaited()
    await client.query('COMMIT')
    return rows
  } catch (error) {
    // The next to use the session must not find itself in the failed transaction; a broken one is not used again.
    await client.query('ROLLBACK').catch(() => {})
    throw error
  }
}

async function writeWithRetries<T>(
  { prisma, requireAwaited }: Pick<Database, 'prisma'> & { requireAwaited: RequireAwaited },
  work: Work<T>,
  options: WriteOptions = {},
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    requireAwaited()
    try {
      // Prisma's types leave out what the extension adds to the client of a transaction.
      const run = (tx: Prisma.TransactionClient) => work(tx as Tx)
      return await asStoreErrors(prisma.$transaction(run, { ...transactionTimes, ...options }))
    } catch (error) {
      if (attempt === attempts || !isConflict(error)) throw error
      // Those who collided must not come back at the same moment.
      await sleep(Math.random() * 10 * 2 ** attempt)
    }
  }
}

async function isReachable(engine: Engine, timeoutMs: number): Promise<boolean> {
  const late = new AbortController()
  const answer = engine.availability.whileAnswering(() => canStore(engine))
  const timeout = sleep(timeoutMs, false, { signal: late.signal, ref: false }).catch(() => false)
  try {
    return await Promise.race([answer, timeout])
  } catch {
    return false
  } finally {
    late.abort()
  }
}

/** A standby and an embedded database on a full disk answer, and store nothing. */
async function canStore(engine: Engine): Promise<boolean> {
  const { rows } = await engine.pool.query('SHOW transaction_read_only')
  await engine.syncLog()
  return rows[0].transaction_read_only === 'off'
}
