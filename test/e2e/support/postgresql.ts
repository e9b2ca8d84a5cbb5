import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chown, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { runCommand } from './command.js'
import { logsFolder, makeTemporaryFolder } from './folders.js'
import { findFreePort } from './ports.js'
import { type ProcessGroup, type SystemUser, signalProcess, startProcessGroup } from './process-group.js'

const START_TIMEOUT_MS = 60_000

export interface PostgresqlAddress {
  /** A database of the role `latchkey`, which owns it and is no superuser. */
  url: string
  /** The same server as its superuser, for tests that look at or disturb the server. */
  superuserUrl: string
}

export interface Postgresql extends PostgresqlAddress {
  /** Freezes the server: connections stay open and new ones are accepted, but nobody answers. */
  pause(): Promise<void>
  resume(): Promise<void>
  /** Ends the server without a checkpoint, as a crash does: connections break and new ones are refused. */
  crash(): Promise<void>
  /** Starts it again after a crash, on the same port with the same rows. */
  restart(): Promise<void>
  log(): Promise<string>
  stop(): Promise<void>
  /** Stops it and keeps its rows in this new folder, for servers to come to begin from. */
  save(target: string): Promise<void>
}

export interface PostgresqlOptions {
  /** Default: a free one. */
  port?: number
  /** Default: a random one. */
  password?: string
  /** A folder that `save` made, to begin from a copy of it; needs the password of that server. Default: an empty one. */
  from?: string
}

/** Where a PostgreSQL on this port, with this password, will answer. */
export function addressPostgresql(port: number, password: string): PostgresqlAddress {
  return {
    url: `postgresql://latchkey:${password}@127.0.0.1:${port}/latchkey`,
    superuserUrl: `postgresql://postgres:${password}@127.0.0.1:${port}/postgres`,
  }
}

/**
 * Starts a real PostgreSQL on 127.0.0.1 with an empty database, and resolves when it answers.
 * It is durable as in production (`fsync`), and its time zone is far from UTC, because a service that relies on the
 * server's time zone stores wrong instants without anybody noticing.
 */
export async function startPostgresql(options: PostgresqlOptions = {}): Promise<Postgresql> {
  const port = options.port ?? (await findFreePort())
  const password = options.password ?? randomUUID()
  const binaries = await requireBinaries()
  const user = await chooseSystemUser()
  const folder = await makeTemporaryFolder('postgresql')
  const address = addressPostgresql(port, password)
  const launch = { binaries, folder, port, user }

  const removeFolder = async () => await rm(folder, { recursive: true, force: true })
  let server: ProcessGroup
  try {
    if (options.from === undefined) await createCluster({ ...launch, password })
    else await copyCluster(launch, options.from)
    server = await launchServer(launch)
  } catch (error) {
    await removeFolder()
    throw error
  }
  const stop = async () => {
    // A frozen server cannot end.
    if (!server.hasExited()) await signalServer(server, 'SIGCONT')
    await server.stop()
    await removeFolder()
  }
  try {
    await waitUntilReady(address.superuserUrl, server)
    if (options.from === undefined) {
      await runSql(address.superuserUrl, `CREATE ROLE latchkey LOGIN PASSWORD '${password}'`)
      await runSql(address.superuserUrl, 'CREATE DATABASE latchkey OWNER latchkey')
    }
  } catch (error) {
    await stop()
    throw error
  }

  return {
    ...address,
    pause: async () => await signalServer(server, 'SIGSTOP'),
    resume: async () => await signalServer(server, 'SIGCONT'),
    async crash() {
      server.signal('SIGQUIT')
      await server.stop()
    },
    async restart() {
      server = await launchServer(launch)
      await waitUntilReady(address.superuserUrl, server)
    },
    log: async () => await server.log(),
    stop,
    async save(target) {
      await server.stop()
      await copyFolder(join(folder, 'cluster'), target)
      await removeFolder()
    },
  }
}

/** Makes an empty database on a running server, for a test that wants to be alone, and returns its URL. */
export async function createDatabase({ url, superuserUrl }: PostgresqlAddress): Promise<string> {
  const name = `latchkey_${randomUUID().replaceAll('-', '')}`
  await runSql(superuserUrl, `CREATE DATABASE ${name} OWNER latchkey`)
  const database = new URL(url)
  database.pathname = name
  return database.href
}

/** Runs one statement on a connection of its own and returns its rows. */
export async function runSql(url: string, sql: string, values: unknown[] = []): Promise<pg.QueryResultRow[]> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 })
  // A server that goes away must fail the statement below, not the whole process.
  client.on('error', () => {})
  try {
    await client.connect()
    const { rows } = await client.query(sql, values)
    return rows
  } finally {
    await client.end()
  }
}

interface Launch {
  binaries: string
  folder: string
  port: number
  user: SystemUser | undefined
}

async function createCluster({
  binaries,
  folder,
  port,
  user,
  password,
}: Launch & { password: string }): Promise<void> {
  const passwordFile = join(folder, 'password')
  await mkdir(join(folder, 'sockets'))
  await writeFile(passwordFile, password, { mode: 0o600 })
  if (user !== undefined) {
    for (const path of [folder, join(folder, 'sockets'), passwordFile]) await chown(path, user.uid, user.gid)
  }

  const args = ['--username=postgres', `--pwfile=${passwordFile}`, '--auth=scram-sha-256']
  const initdb = await startProcessGroup(
    join(binaries, 'initdb'),
    [...args, '--encoding=UTF8', '--locale=C.UTF-8', '--no-sync', `--pgdata=${join(folder, 'cluster')}`],
    { ...placeServer(folder, user), logFile: join(logsFolder, `postgresql-${port}-initdb.log`) },
  )
  const { code } = await initdb.exited
  await initdb.stop()
  if (code !== 0) throw new Error(`initdb ended with ${code}:\n${await initdb.log()}`)
}

async function copyCluster({ folder, user }: Launch, from: string): Promise<void> {
  await mkdir(join(folder, 'sockets'))
  await copyFolder(from, join(folder, 'cluster'))
  if (user === undefined) return
  for (const path of [folder, join(folder, 'sockets')]) await chown(path, user.uid, user.gid)
}

/** With owners and modes, about which PostgreSQL is strict. */
async function copyFolder(from: string, to: string): Promise<void> {
  await runCommand('cp', ['-a', '--reflink=auto', from, to])
}

async function launchServer({ binaries, folder, port, user }: Launch): Promise<ProcessGroup> {
  const settings = [
    'listen_addresses=127.0.0.1',
    `unix_socket_directories=${join(folder, 'sockets')}`,
    'timezone=Pacific/Auckland',
    'max_connections=200',
  ]
  return await startProcessGroup(
    join(binaries, 'postgres'),
    ['-D', join(folder, 'cluster'), '-p', String(port), ...settings.flatMap((setting) => ['-c', setting])],
    { ...placeServer(folder, user), logFile: join(logsFolder, `postgresql-${port}.log`) },
  )
}

function placeServer(folder: string, user: SystemUser | undefined) {
  return {
    cwd: folder,
    env: { PATH: process.env.PATH, LC_ALL: 'C.UTF-8' },
    // The fast shutdown, which does not wait for clients to go.
    stopSignal: 'SIGINT' as const,
    temporaryFolder: folder,
    ...(user === undefined ? {} : { user }),
  }
}

async function waitUntilReady(superuserUrl: string, server: ProcessGroup): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS
  for (;;) {
    try {
      await runSql(superuserUrl, 'SELECT 1')
      return
    } catch (cause) {
      if (server.hasExited() || Date.now() >= deadline) {
        throw new Error(`PostgreSQL did not start:\n${await server.log()}`, { cause })
      }
      await delay(100)
    }
  }
}

/** Each child of PostgreSQL leads a process group of its own, so the group's signal would reach the first one only. */
async function signalServer(server: ProcessGroup, name: 'SIGSTOP' | 'SIGCONT'): Promise<void> {
  server.signal(name)
  const children = await readFile(`/proc/${server.pid}/task/${server.pid}/children`, 'utf8')
  for (const pid of children.trim().split(' ').filter(Boolean)) signalProcess(Number(pid), name)
}

/** `PG_BIN`, else the newest of Debian's versions, else the PATH. */
async function requireBinaries(): Promise<string> {
  const debian = '/usr/lib/postgresql'
  const versions = existsSync(debian) ? await readdir(debian) : []
  const folders = [
    process.env.PG_BIN ?? '',
    ...versions.sort((a, b) => Number(b) - Number(a)).map((version) => join(debian, version, 'bin')),
    ...(process.env.PATH ?? '').split(delimiter),
  ]
  const found = folders.find((folder) => folder !== '' && existsSync(join(folder, 'initdb')))
  if (found === undefined) throw new Error('No initdb: set PG_BIN or run test/e2e/support/install.sh')
  return found
}

/** PostgreSQL refuses to run as root: `postgres` where it exists, else `nobody`. Undefined when this is not root. */
async function chooseSystemUser(): Promise<SystemUser | undefined> {
  if (process.getuid?.() !== 0) return undefined
  const passwd = await readFile('/etc/passwd', 'utf8')
  for (const name of ['postgres', 'nobody']) {
    const [, uid, gid] = new RegExp(`^${name}:[^:]*:(\\d+):(\\d+):`, 'm').exec(passwd) ?? []
    if (uid !== undefined) return { uid: Number(uid), gid: Number(gid) }
  }
  throw new Error('PostgreSQL refuses to run as root, and this system has neither a user postgres nor nobody')
}
