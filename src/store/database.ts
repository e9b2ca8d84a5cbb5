import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { PrismaPg } from '@prisma/adapter-pg'
import pg from 'pg'
import { type EmbeddedDatabase, openFolder, openInMemory } from './embedded.js'
import { type Prisma, PrismaClient } from './generated/client.js'
import { migrate } from './migrate.js'
import { createTurns, type Turns } from './turns.js'
import { asStoreErrors, isConflict, isUnavailable } from './unavailable.js'
import type { SegmentDisk } from './wal-sync.js'

export interface DatabaseOptions {
  /** `postgresql://…`; undefined: the embedded database in `dataDir`. */
  url: string | undefined
  /** The embedded database goes into `<dataDir>/db`; `:memory:` keeps it in this process and loses it at its end. */
  dataDir: string
  /** The folder of `<name>/migration.sql`. */
  migrationsDir: string
  /** Hears of connections that broke while nobody used them. */
  log?: ((message: string, details: { error: unknown }) => void) | undefined
  /** For tests: what `:memory:` begins from, so that it need not be made anew. */
  loadDataDir?: Blob | undefined
  /** For tests that observe when the embedded database's log is synced. */
  disk?: SegmentDisk | undefined
}

export interface PreparedQuery {
  /** Of the prepared statement: one name for one text. */
  name: string
  text: string
  values: unknown[]
}

export interface WriteOptions {
  /** Default: read committed. */
  isolationLevel?: Prisma.TransactionIsolationLevel
}

/** The open database. Every call of it throws StoreUnavailable when the database cannot be asked now. */
export interface Database {
  prisma: PrismaClient
  kind: 'postgresql' | 'embedded'
  /** The names of the migrations that opening it has applied. */
  appliedMigrations: string[]
  /** One prepared statement without Prisma, for the look-up that every checked request waits for. */
  query<T>(query: PreparedQuery): Promise<T[]>
  /**
   * One transaction; resolved means stored, on the embedded database also on the disk. After a serialization failure
   * or a deadlock the work is run again, up to 5 times in all, so it must not act on anything but `tx`. An error of
   * `tx` that the work catches has already undone the transaction: let it pass, and catch it outside.
   */
  write<T>(work: (tx: Prisma.TransactionClient) => Promise<T>, options?: WriteOptions): Promise<T>
  /** Whether the database answers within the time, and can still store. */
  isReachable(timeoutMs: number): Promise<boolean>
  close(): Promise<void>
}

/** A database on whichever engine, before anything is done with it. */
interface Engine {
  kind: Database['kind']
  pool: pg.Pool
  /** A session for the migrations alone, given back by the second function. */
  openMigrationSession(): Promise<[session: pg.ClientBase, end: () => Promise<void>]>
  turns: Turns
  syncLog(): Promise<void>
  close(): Promise<void>
}

const attempts = 5
const transactionTimes = { maxWait: 15_000, timeout: 30_000 }
const patienceMs = 30_000

/**
 * Opens the database and brings it to this build's schema.
 * @throws StoreUnavailable · MigrationRefused · DirectoryInUse
 */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  const engine = await asStoreErrors(openEngine(options))
  engine.pool.on('error', (error) =>
    options.log?.('A database connection broke while it was idle', { error }),
  )
  try {
    const appliedMigrations = await asStoreErrors(applyMigrations(engine, options.migrationsDir))
    return createDatabase(engine, appliedMigrations)
  } catch (error) {
    await closeEngine(engine)
    throw error
  }
}

function createDatabase(engine: Engine, appliedMigrations: string[]): Database {
  const prisma = createPrisma(engine.pool)
  let closing: Promise<void> | undefined
  return {
    prisma,
    kind: engine.kind,
    appliedMigrations,
    query: (query) => asStoreErrors(queryRows(engine.pool, query)),
    write: async (work, options) => {
      const result = await engine.turns(() => writeWithRetries(prisma, work, options))
      // Outside the turn: the next commits join this sync or the one after it, instead of waiting for it.
      await asStoreErrors(engine.syncLog())
      return result
    },
    isReachable: (timeoutMs) => isReachable(engine, timeoutMs),
    close: () => {
      closing ??= prisma.$disconnect().then(() => closeEngine(engine))
      return closing
    },
  }
}

async function openEngine(options: DatabaseOptions): Promise<Engine> {
  if (options.url !== undefined) return openPostgres(options.url)
  const { dataDir, disk, loadDataDir } = options
  if (dataDir === ':memory:') return openEmbedded(await openInMemory(loadDataDir))
  return openEmbedded(await openFolder({ folder: join(dataDir, 'db'), ...(disk ? { disk } : {}) }))
}

function openPostgres(url: string): Engine {
  const connection = {
    connectionString: url,
    // Prisma's adapter sends instants without a zone: the session's zone decides what is stored. And whoever waited
    // for a lock must see what was done meanwhile, whatever the server's default is.
    options: '-c TimeZone=UTC -c default_transaction_isolation=read\\ committed',
    connectionTimeoutMillis: 900,
    keepAlive: true,
  }
  return {
    kind: 'postgresql',
    // The server ends a slow statement; a connection that was cut silently ends by our own patience.
    pool: new pg.Pool({ ...connection, max: 10, statement_timeout: 10_000, query_timeout: 15_000 }),
    openMigrationSession: async () => {
      // A migration may take longer than any statement of a request may.
      const client = new pg.Client(connection)
      // Without a listener the loss of the connection would end the process; the running query fails of it anyway.
      client.on('error', () => {})
      await client.connect()
      return [client, () => client.end()]
    },
    // Fewer than the pool has connections, so that the look-ups always find one.
    turns: createTurns({ places: 6, patienceMs }),
    syncLog: async () => {},
    close: async () => {},
  }
}

function openEmbedded(embedded: EmbeddedDatabase): Engine {
  // Bounded, so that the pool asked within a transaction, which waits for itself, ends in an error.
  const pool = new pg.Pool({ ...embedded.poolConfig, connectionTimeoutMillis: 10_000 })
  return {
    kind: 'embedded',
    pool,
    openMigrationSession: async () => {
      const client = await pool.connect()
      return [client, async () => client.release()]
    },
    turns: createTurns({ places: 1, patienceMs }),
    syncLog: () => embedded.syncLog(),
    close: () => embedded.close(),
  }
}

async function closeEngine(engine: Engine): Promise<void> {
  await engine.pool.end()
  await engine.close()
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

function createPrisma(pool: pg.Pool): PrismaClient {
  const prisma = new PrismaClient({ adapter: new PrismaPg(pool) })
  const extended = prisma.$extends({
    query: { $allOperations: ({ args, query }) => asStoreErrors(query(args)) },
  })
  // The extension adds and changes no method, only which errors come; its type merely lost `$on`.
  return extended as unknown as PrismaClient
}

async function queryRows<T>(pool: pg.Pool, query: PreparedQuery): Promise<T[]> {
  // Not `pool.query`, which gives up its connection after any error, and the embedded database has only one.
  const client = await pool.connect()
  const ignore = () => {}
  client.on('error', ignore)
  let isBroken = false
  try {
    const { rows } = await client.query(query)
    return rows as T[] // The caller wrote the columns of the statement.
  } catch (error) {
    isBroken = isUnavailable(error)
    throw error
  } finally {
    client.off('error', ignore)
    client.release(isBroken)
  }
}

async function writeWithRetries<T>(
  prisma: PrismaClient,
  work: (tx: Prisma.TransactionClient) => Promise<T>,
  options: WriteOptions = {},
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await asStoreErrors(prisma.$transaction(work, { ...transactionTimes, ...options }))
    } catch (error) {
      if (attempt === attempts || !isConflict(error)) throw error
      // Those who collided must not come back at the same moment.
      await sleep(Math.random() * 10 * 2 ** attempt)
    }
  }
}

async function isReachable(engine: Engine, timeoutMs: number): Promise<boolean> {
  const late = new AbortController()
  const answer = engine.pool.query('SELECT 1').then(() => engine.syncLog())
  const timeout = sleep(timeoutMs, false, { signal: late.signal, ref: false }).catch(() => false)
  try {
    return await Promise.race([answer.then(() => true), timeout])
  } catch {
    return false
  } finally {
    late.abort()
  }
}
