import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { nodeArguments } from '../../support/built.js'
import { quotaTimeZone } from '../../support/quota-time-zone.js'
import { copyDataFolder } from './data-folder.js'
import { logsFolder, makeTemporaryFolder, projectFolder } from './folders.js'
import { findFreePort } from './ports.js'
import { type Exit, type ProcessGroup, startProcessGroup } from './process-group.js'
import { waitUntilAnswers } from './wait.js'

const READY_TIMEOUT_MS = 60_000

export interface Service {
  /** `http://127.0.0.1:<port>` */
  url: string
  port: number
  pid: number
  /** Its working folder, where `./data` lies. */
  folder: string
  log(): Promise<string>
  /**
   * Asks it to end (SIGTERM), and removes its folder unless it was given one.
   * @param graceMs in which it must end. Default 20 s
   * @throws when it does not end by itself with exit code 0
   */
  stop(graceMs?: number): Promise<void>
  /** SIGKILL, as a crash does. The folder stays when it was given one, so that a restart can be tried. */
  kill(): Promise<void>
}

export interface ServiceOptions {
  /** Its settings; of this process's environment it inherits only PATH and HOME. */
  env?: Record<string, string>
  /** Default: a free one. */
  port?: number
  /** Default: a fresh one, removed at the end. Give the same one twice to start again with the same data. */
  folder?: string
  /** Makes its database itself, as the first start does. Default: a copy of one that is ready. */
  makesDatabase?: boolean
  /** Default: the built service, `dist/src/server.js`. */
  entry?: string
  /** Words behind it. Default: none. */
  args?: readonly string[]
  /** What to wait for: `live` for a service that shall start without what it needs. Default `ready`. */
  until?: 'ready' | 'live'
}

/** Thrown when the service ended, or was not ready, within its time; the message ends with its log. */
export class ServiceDidNotStart extends Error {
  override name = 'ServiceDidNotStart'
  /** `undefined` when it was still running. */
  readonly exit: Exit | undefined
  readonly log: string

  constructor(reason: string, exit: Exit | undefined, log: string) {
    super(`The service did not start: ${reason}\n${log}`)
    this.exit = exit
    this.log = log
  }
}

/**
 * Starts the built service in a working folder of its own, and resolves when it says that it is ready.
 * @throws ServiceDidNotStart
 */
export async function startService(options: ServiceOptions = {}): Promise<Service> {
  const port = options.port ?? (await findFreePort())
  const folder = options.folder ?? (await makeTemporaryFolder('service'))
  const removeFolder = async () => {
    if (options.folder === undefined) await rm(folder, { recursive: true, force: true })
  }
  const getsDataFolder = needsDataFolder(options, folder)
  if (getsDataFolder) await copyDataFolder(join(folder, 'data'))
  const server = await startProcessGroup(
    process.execPath,
    [
      // With a database that a test brings itself, the service may be there to be measured.
      ...(getsDataFolder && options.folder === undefined ? nodeArguments : []),
      options.entry ?? join(projectFolder, 'dist/src/server.js'),
      ...(options.args ?? []),
    ],
    {
      cwd: folder,
      env: {
        PATH: process.env.PATH,
        HOME: process.env.HOME,
        PORT: String(port),
        GATEWAY_PORT: 'off',
        QUOTA_TIME_ZONE: quotaTimeZone,
        ...options.env,
      },
      logFile: join(logsFolder, `service-${port}.log`),
      ...(options.folder === undefined ? { temporaryFolder: folder } : {}),
    },
  )
  const url = `http://127.0.0.1:${port}`
  try {
    await waitUntilStarted(server, `${url}/health/${options.until ?? 'ready'}`)
  } catch (error) {
    server.signal('SIGKILL')
    await server.stop()
    await removeFolder()
    throw error
  }

  return {
    url,
    port,
    pid: server.pid,
    folder,
    log: server.log,
    async stop(graceMs) {
      const { code, signal } = await server.stop(graceMs)
      await removeFolder()
      if (code !== 0) {
        throw new Error(`The service ended with ${signal ?? code} instead of 0:\n${await server.log()}`)
      }
    },
    async kill() {
      server.signal('SIGKILL')
      await server.stop()
      await removeFolder()
    },
  }
}

function needsDataFolder({ env, makesDatabase = false }: ServiceOptions, folder: string): boolean {
  const brings = makesDatabase || env?.DATABASE_URL !== undefined || env?.DATA_DIR !== undefined
  return !brings && !existsSync(join(folder, 'data'))
}

async function waitUntilStarted(server: ProcessGroup, url: string): Promise<void> {
  const fail = async (reason: string): Promise<never> => {
    const exit = server.hasExited() ? await server.exited : undefined
    throw new ServiceDidNotStart(reason, exit, await server.log())
  }
  try {
    await waitUntilAnswers(url, {
      timeoutMs: READY_TIMEOUT_MS,
      giveUp: async () => {
        if (server.hasExited()) await fail('it ended')
      },
    })
  } catch (error) {
    if (error instanceof ServiceDidNotStart) throw error
    await fail(String(error))
  }
}
