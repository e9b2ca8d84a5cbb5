import { existsSync } from 'node:fs'
import { cp, mkdir, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { runCommand } from './command.js'
import { logsFolder, makeTemporaryFolder, openCacheFolder } from './folders.js'
import { requireJavaHome } from './java.js'
import { KEYCLOAK_ADMIN } from './keycloak-client.js'
import { findFreePort } from './ports.js'
import { type ProcessGroup, startProcessGroup } from './process-group.js'
import { waitUntilAnswers } from './wait.js'

const VERSION = '26.7.3'
const ARTIFACT = `org.keycloak:keycloak-quarkus-dist:${VERSION}:tar.gz`
const MAVEN_COPY = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy'
const START_TIMEOUT_MS = 240_000

export interface Keycloak {
  /** `http://127.0.0.1:<port>` */
  origin: string
  log(): Promise<string>
  stop(): Promise<void>
}

export interface KeycloakOptions {
  /** Default: a free one. */
  port?: number
  /** Gives up downloading, unpacking and starting. */
  signal?: AbortSignal
}

/**
 * Starts a real Keycloak on 127.0.0.1, and resolves when it is ready for realms: see `createRealm`.
 * The first start on a machine downloads and prepares it, which takes a minute or more.
 */
export async function startKeycloak(options: KeycloakOptions = {}): Promise<Keycloak> {
  const distribution = await prepareKeycloak(options.signal)
  const port = options.port ?? (await findFreePort())
  const folder = await makeTemporaryFolder('keycloak')

  await cp(join(distribution, 'snapshot'), join(folder, 'database'), { recursive: true })
  const server = await launch({ distribution, folder, port, logName: `keycloak-${port}` })
  const stop = async () => {
    await server.stop()
    await rm(folder, { recursive: true, force: true })
  }
  try {
    await waitUntilStarted(server, port, options.signal)
  } catch (error) {
    await stop()
    throw error
  }
  return { origin: `http://127.0.0.1:${port}`, log: server.log, stop }
}

/**
 * The unpacked distribution with what its first start leaves behind: the augmented program and, in `snapshot`, a
 * database with the schema and the administrator. Later starts copy that and take a fifth of the time.
 * It is made beside its place and then renamed, so that what stands there is always complete, also when two runs
 * prepare it at once or one is interrupted.
 */
export async function prepareKeycloak(signal?: AbortSignal): Promise<string> {
  const cache = openCacheFolder()
  const distribution = join(cache, `keycloak-${VERSION}`)
  if (existsSync(distribution)) return distribution

  await removeAbandonedDrafts(cache)
  const draft = join(cache, `draft-${process.pid}`)
  try {
    await unpackDistribution(draft, signal)
    await takeSnapshot(draft, signal)
    await rename(draft, distribution)
  } catch (error) {
    if (!existsSync(distribution)) throw error
  } finally {
    await rm(draft, { recursive: true, force: true })
  }
  return distribution
}

/** Drafts of runs that were killed: each is named for the process that made it. */
async function removeAbandonedDrafts(cache: string): Promise<void> {
  for (const name of await readdir(cache)) {
    const [, pid] = /^draft-(\d+)$/.exec(name) ?? []
    if (pid === undefined || existsSync(`/proc/${pid}`)) continue
    await rm(join(cache, name), { recursive: true, force: true })
  }
}

/** Maven finds the registry that this machine is set up for, and checks the archive's checksum (`-C`). */
async function unpackDistribution(draft: string, signal: AbortSignal | undefined): Promise<void> {
  const download = await makeTemporaryFolder('download')
  try {
    const args = ['-q', '-B', '-C', MAVEN_COPY, `-Dartifact=${ARTIFACT}`, `-DoutputDirectory=${download}`]
    await runCommand('mvn', args, { signal })
    const archive = join(download, `keycloak-quarkus-dist-${VERSION}.tar.gz`)
    await mkdir(draft, { recursive: true })
    await runCommand('tar', ['-xzf', archive, '-C', draft, '--strip-components=1'], { signal })
  } finally {
    await rm(download, { recursive: true, force: true })
  }
}

async function takeSnapshot(draft: string, signal: AbortSignal | undefined): Promise<void> {
  const folder = await makeTemporaryFolder('keycloak')
  const port = await findFreePort()
  const server = await launch({ distribution: draft, folder, port, logName: 'keycloak-first-start' })
  try {
    await waitUntilStarted(server, port, signal)
    // H2's file is whole only after an orderly end.
    await server.stop()
    await cp(join(folder, 'database'), join(draft, 'snapshot'), { recursive: true })
  } finally {
    await server.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

interface Launch {
  distribution: string
  folder: string
  port: number
  logName: string
}

async function launch({ distribution, folder, port, logName }: Launch): Promise<ProcessGroup> {
  const args = [
    'start-dev',
    '--cache=local',
    '--http-host=127.0.0.1',
    `--http-port=${port}`,
    `--hostname=http://127.0.0.1:${port}`,
    `--db-url=jdbc:h2:file:${folder}/database/kc;NON_KEYWORDS=VALUE`,
    // The development mode reads its pages' templates anew for each request, which is slow.
    '--spi-theme--cache-themes=true',
    '--spi-theme--cache-templates=true',
  ]
  return await startProcessGroup(join(distribution, 'bin/kc.sh'), args, {
    cwd: folder,
    logFile: join(logsFolder, `${logName}.log`),
    temporaryFolder: folder,
    env: {
      PATH: process.env.PATH,
      HOME: folder,
      JAVA_HOME: await requireJavaHome(),
      JAVA_OPTS_KC_HEAP: '-Xms128m -Xmx640m',
      // It lives for minutes: the better compiler never earns back what it costs.
      JAVA_OPTS_APPEND: '-XX:TieredStopAtLevel=1',
      KC_BOOTSTRAP_ADMIN_USERNAME: KEYCLOAK_ADMIN.username,
      KC_BOOTSTRAP_ADMIN_PASSWORD: KEYCLOAK_ADMIN.password,
    },
  })
}

async function waitUntilStarted(
  server: ProcessGroup,
  port: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  await waitUntilAnswers(`http://127.0.0.1:${port}/realms/master`, {
    timeoutMs: START_TIMEOUT_MS,
    giveUp: async () => {
      signal?.throwIfAborted()
      if (server.hasExited()) throw new Error(`Keycloak ended while it started:\n${await server.log()}`)
    },
  })
}
