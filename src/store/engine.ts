import { join } from 'node:path'
import pg from 'pg'
import { type Availability, createAvailability } from './availability.js'
import { type EmbeddedDatabase, openFolder, openInMemory } from './embedded.js'
import { type ListenerOptions, startListener } from './listener.js'
import { type Notices, noNotices } from './notices.js'
import type { SegmentDisk } from './wal-sync.js'
import { createTurns, type Turns } from './write-queue.js'

export interface EngineOptions {
  /** `postgresql://…`; undefined: the embedded database in `dataDir`. */
  url: string | undefined
  /** The embedded database goes into `<dataDir>/db`; `:memory:` keeps it in this process and loses it at its end. */
  dataDir: string
  /** For tests: opens the database of `:memory:`. Default: a new one. */
  openMemory?: (() => Promise<EmbeddedDatabase>) | undefined
  /** For tests that observe when the embedded database's log is synced. */
  disk?: SegmentDisk | undefined
  /** Hears of connections that broke, of the database's silence and return, and of a full disk; `error` may be undefined. */
  log?: ((message: string, details: { error: unknown }) => void) | undefined
}

/** A database on whichever engine, before anything is done with it. */
export interface Engine {
  kind: 'postgresql' | 'embedded'
  pool: pg.Pool
  /** A session for the migrations alone, given back by the second function. */
  openMigrationSession(): Promise<[session: pg.ClientBase, end: () => Promise<void>]>
  /** From now on changes are heard, and whether the database answers is known. */
  startListening(log: ListenerOptions['log']): Promise<Notices>
  availability: Availability
  turns: Turns
  syncLog(): Promise<void>
  close(): Promise<void>
}

const patienceMs = 30_000
/** At the start nobody waits for an answer, and the host may be busy with starting much else. */
const startPatienceMs = 5_000

export async function openEngine(options: EngineOptions): Promise<Engine> {
  if (options.url !== undefined) return openPostgres(options.url)
  const { dataDir, disk, openMemory = openInMemory, log } = options
  if (dataDir === ':memory:') return openEmbedded(await openMemory(), log)
  const warn = (message: string) => log?.(message, { error: undefined })
  const folder = join(dataDir, 'db')
  return openEmbedded(await openFolder({ folder, warn, ...(disk ? { disk } : {}) }), log)
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
  // The server ends a slow statement; a connection that was cut silently ends by our own patience.
  const pool = new pg.Pool({ ...connection, max: 10, statement_timeout: 10_000, query_timeout: 15_000 })
  // Those of before a silence may hang for ever, and what waits on them keeps its turn to write.
  const availability = createAvailability(trackConnections(pool))
  let stopListening = () => {}
  return {
    kind: 'postgresql',
    pool,
    openMigrationSession: async () => {
      // A migration may take longer than any statement of a request may.
      const client = new pg.Client({ ...connection, connectionTimeoutMillis: startPatienceMs })
      // Without a listener the loss of the connection would end the process; the running query fails of it anyway.
      client.on('error', () => {})
      await client.connect()
      return [client, () => client.end()]
    },
    startListening: async (log) => {
      const listener = await startListener({
        createClient: () => new pg.Client({ ...connection, fallback_application_name: 'latchkey-changes' }),
        availability,
        log,
      })
      stopListening = listener.close
      return listener
    },
    availability,
    // Fewer than the pool has connections, so that the look-ups always find one.
    turns: createTurns({ places: 6, patienceMs }),
    syncLog: async () => {},
    close: async () => stopListening(),
  }
}

/** @returns a function that breaks every connection of the pool as the network would; it makes new ones when asked */
function trackConnections(pool: pg.Pool): () => void {
  const connections = new Set<pg.PoolClient>()
  pool.on('connect', (client) => {
    connections.add(client)
    // Whoever uses it hears of its end by their query; without a listener it would end the process.
    client.on('error', () => {})
  })
  pool.on('remove', (client) => connections.delete(client))
  return () => {
    // The pool makes instances of `Client`, its types tell only what it promises of them.
    for (const client of connections) (client as pg.PoolClient & pg.Client).connection.stream.destroy()
  }
}

function openEmbedded(embedded: EmbeddedDatabase, log: EngineOptions['log'] = () => {}): Engine {
  // Bounded, so that the pool asked within a transaction, which waits for itself, ends in an error.
  const pool = new pg.Pool({ ...embedded.poolConfig, connectionTimeoutMillis: 10_000 })
  embedded.keepUp({ run: (statement) => pool.query(statement), log })
  return {
    kind: 'embedded',
    pool,
    openMigrationSession: async () => {
      const client = await pool.connect()
      return [client, async () => client.release()]
    },
    startListening: async () => noNotices,
    availability: createAvailability(),
    turns: createTurns({ places: 1, patienceMs }),
    syncLog: () => embedded.syncLog(),
    close: () => embedded.close(),
  }
}

/** Whatever is under way ends first. */
export async function closeEngine(engine: Engine): Promise<void> {
  await engine.pool.end()
  await engine.close()
}
