import { existsSync, fsyncSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { open, readdir } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { PGlite } from '@electric-sql/pglite'
import type { PoolConfig } from 'pg'
import { chooseModes, type FileModes, setModes } from '../file-modes.js'
import { lockDirectory } from './directory-lock.js'
import { closeFiles, type FileHooks, hookFiles, type NodeFsModule } from './embedded-files.js'
import { type OpenedFolder, openSession } from './embedded-session.js'
import { StoreUnavailable } from './unavailable.js'
import { startUpkeep, type UpkeepOptions } from './upkeep.js'
import { createWalSync, type SegmentDisk } from './wal-sync.js'

/** PostgreSQL inside this process (PGlite), spoken to through an ordinary pool of `pg`. */
export interface EmbeddedDatabase {
  /** For the one pool on this database: it has a single session, never to be closed and opened again. */
  poolConfig: PoolConfig
  /** Resolves when all that was committed before is on the disk. */
  syncLog(): Promise<void>
  /** Begins what keeps it alive for long, with statements that run on the pool; ends when it is closed. */
  keepUp(options: Pick<UpkeepOptions, 'run' | 'log'>): void
  /** The whole database as a tar file, to begin another one from. */
  dump(): Promise<Blob>
  close(): Promise<void>
}

export interface FolderOptions {
  folder: string
  /** Replaced only by tests that observe when the log is synced. */
  disk?: SegmentDisk
  /** Called with the files that other users own. */
  warn?: (message: string) => void
}

type Session = Pick<PoolConfig, 'host' | 'user' | 'database'> & {
  connection: { parse(query: object): void; parsedStatements: object; submittedNamedStatements: object }
}

/** PostgreSQL does not start on the folder, which is no fault of this program: its disk is full, or its files damaged. */
export class FolderUnopenable extends Error {
  override readonly name = 'FolderUnopenable'

  constructor(folder: string, cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    super(
      `The embedded database in ${folder} cannot be opened: make room when its disk is full, else restore a backup (${reason})`,
      { cause },
    )
  }
}

/** A database that is gone with the process. */
export async function openInMemory(loadDataDir?: Blob): Promise<EmbeddedDatabase> {
  return serveInMemory(await startInMemory(loadDataDir))
}

/** Starts PostgreSQL in memory. It can serve several databases, one after the other: see `serveInMemory`. */
export async function startInMemory(loadDataDir?: Blob): Promise<PGlite> {
  const { PGlite } = await import('@electric-sql/pglite')
  return PGlite.create({
    dataDir: 'memory://',
    startParams: [...PGlite.defaultStartParams, ...sessionParams, ...smallCache],
    ...(loadDataDir === undefined ? {} : { loadDataDir }),
  })
}

/**
 * Serves a database from `lite`. Only one at a time may be served, and the caller removes what the one before left in
 * the session (`DISCARD ALL`), because a new pool prepares the same statements again.
 */
export async function serveInMemory(lite: PGlite): Promise<EmbeddedDatabase> {
  return {
    poolConfig: await createPoolConfig(lite.execProtocolStream.bind(lite)),
    syncLog: async () => {},
    keepUp: () => {},
    dump: () => lite.dumpDataDir('none'),
    close: () => lite.close(),
  }
}

/**
 * A database in a folder, made when there is none; nobody else may open it meanwhile.
 * @throws DirectoryInUse · FolderUnopenable
 */
export async function openFolder({ folder, disk, warn }: FolderOptions): Promise<EmbeddedDatabase> {
  mkdirSync(dirname(folder), { recursive: true, mode: 0o700 })
  const modes = chooseModes(dirname(folder))
  const unlock = await lockDirectory(folder, undefined, modes.file)
  try {
    if (!existsSync(join(folder, 'PG_VERSION'))) await createFolder(folder, modes)
    else warnOfOthers(folder, setModes(folder, modes), warn)
    const session = await openSession(() => openDurable(folder, modes, disk))
    let endUpkeep = () => {}
    return {
      poolConfig: await createPoolConfig(session.exchange),
      syncLog: session.syncLog,
      keepUp: (options) => {
        endUpkeep = startUpkeep({ folder, session, ...options })
      },
      dump: session.dump,
      close: async () => {
        endUpkeep()
        await session.close().finally(unlock)
      },
    }
  } catch (error) {
    unlock()
    throw error
  }
}

const sessionParams = [
  // What the adapter of Prisma sends has no zone: the session's zone decides which instant is stored.
  ...['-c', 'TimeZone=UTC'],
  // Nothing gathers statistics here, and a plan that was made while the tables were empty would go on reading all rows.
  ...['-c', 'enable_seqscan=off'],
]
// The files are in memory already: PostgreSQL's default cache would take another 128 MB.
const smallCache = ['-c', 'shared_buffers=8MB']
const durable = ['fsync=on', 'wal_sync_method=fsync']
// A small folder, and a checkpoint that needs no new file, which a full disk refuses and PostgreSQL then dies of.
const smallLog = ['max_wal_size=64MB', 'min_wal_size=32MB', 'max_active_replication_origins=0']
const segmentsBetweenCheckpoints = 2

/** Made beside its place and moved there whole, so that a process killed meanwhile leaves nothing half made. */
async function createFolder(folder: string, modes: FileModes): Promise<void> {
  const { PGlite } = await import('@electric-sql/pglite')
  const draft = `${folder}.new`
  rmSync(draft, { recursive: true, force: true })
  // Its files are open to all until they have their modes.
  mkdirSync(draft, { mode: 0o700 })
  const lite = await PGlite.create(draft)
  await lite.close()
  setModes(draft, modes)
  await syncTree(draft)
  renameSync(draft, folder)
  await syncPath(dirname(folder))
}

/**
 * Opens the folder so that PostgreSQL's own rules of durability hold. PGlite tells PostgreSQL not to sync (`-F`), and
 * its file system ignores fsync; here the one is taken back and the other is made real. All is synced at once, as
 * PostgreSQL asks, but the segments of the log: each commit asks for one, and they are synced together, without
 * blocking the process, before a commit is acknowledged, and in any case before a page is written.
 */
async function openDurable(
  folder: string,
  modes: FileModes,
  disk: SegmentDisk | undefined,
): Promise<OpenedFolder> {
  const { PGlite } = await import('@electric-sql/pglite')
  const { NodeFS } = await import('@electric-sql/pglite/nodefs')
  const log = createWalSync(disk)
  const files = new NodeFS(folder)
  let fsyncs = 0
  let hasStopped = false
  let listStreams: () => NodeFsModule['FS']['streams'] = () => []
  const begunSegments = new Set<string>()
  const hooks: FileHooks = {
    modes,
    beforeWrite: (path) => {
      if (!isLogSegment(path)) log.flushNow()
    },
    onFsync: (path, file) => {
      fsyncs += 1
      if (isLogSegment(path)) {
        begunSegments.add(path)
        return log.defer(path)
      }
      log.flushNow()
      fsyncSync(file)
    },
  }
  const init = files.init.bind(files)
  files.init = async (lite, options) => {
    const { emscriptenOpts } = await init(lite, options)
    // PGlite's types call the module's file system opaque; `NodeFsModule` is what it is in the pinned version.
    const hook = (module: object) => {
      const { NODEFS, FS } = module as NodeFsModule
      hookFiles(NODEFS, hooks)
      listStreams = () => FS.streams
    }
    const onAbort = () => {
      hasStopped = true
    }
    return {
      emscriptenOpts: { ...emscriptenOpts, onAbort, preRun: [...(emscriptenOpts.preRun ?? []), hook] },
    }
  }
  // `fsync` is the one of PostgreSQL's methods that PGlite's file system hears of.
  const startParams = PGlite.defaultStartParams.filter((parameter) => parameter !== '-F')
  const opening = PGlite.create({
    fs: files,
    startParams: [
      ...startParams,
      ...[...durable, ...smallLog].flatMap((setting) => ['-c', setting]),
      ...sessionParams,
    ],
  })
  const lite = await opening.catch((cause: unknown) => {
    closeFiles(listStreams())
    throw new FolderUnopenable(folder, cause)
  })
  // Every start writes its control file. Silence means that this PGlite is built in another way.
  if (fsyncs === 0)
    throw new Error('The embedded database does not sync its files; refusing to store anything in it')
  return {
    lite,
    hasStopped: () => hasStopped,
    abandon: () => closeFiles(listStreams()),
    syncLog: () => log.flush(),
    isLogLong: () => begunSegments.size > segmentsBetweenCheckpoints,
    noteCheckpoint: () => begunSegments.clear(),
  }
}

const maxNamed = 10

function warnOfOthers(folder: string, paths: string[], warn: FolderOptions['warn']): void {
  if (paths.length === 0) return
  const names = paths.slice(0, maxNamed).join(', ')
  const more = paths.length > maxNamed ? ` and ${paths.length - maxNamed} more` : ''
  warn?.(
    `Another user owns files of the database in ${folder}, and may read or change them: ${names}${more}. Give them to the user of this process`,
  )
}

function isLogSegment(path: string): boolean {
  return basename(dirname(path)) === 'pg_wal' && /^[0-9A-F]{24}$/.test(basename(path))
}

async function createPoolConfig(exchange: PGlite['execProtocolStream']): Promise<PoolConfig> {
  const { createPgConfig } = await import('@electric-sql/pglite/node-postgres')
  const execProtocolStream: PGlite['execProtocolStream'] = async (message, options) => {
    try {
      return await exchange(message, options)
    } catch (error) {
      // What the database itself refuses comes as a message; a rejection means that it is closed or has crashed, and
      // what was prepared is gone with it.
      Object.assign(session.connection, { parsedStatements: {}, submittedNamedStatements: {} })
      throw new StoreUnavailable(error)
    }
  }
  // All that it uses of a PGlite, by its own test for one.
  const lite = { execProtocolStream, waitReady: Promise.resolve() } as Partial<PGlite> as PGlite
  const session: Session = createPgConfig(lite)
  // Prisma's adapter gives the parsers of a query's result in `types`, which PGlite takes for a list of type ids.
  const parse = session.connection.parse.bind(session.connection)
  session.connection.parse = (query) => parse({ ...query, types: undefined })
  return { ...session, max: 1, min: 1, idleTimeoutMillis: 0 }
}

async function syncTree(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true }))
    if (entry.isFile() || entry.isDirectory()) await syncPath(join(entry.parentPath, entry.name))
  await syncPath(folder)
}

async function syncPath(path: string): Promise<void> {
  const file = await open(path, 'r')
  await file.sync().finally(() => file.close())
}
