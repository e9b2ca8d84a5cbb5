import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { logsFolder, projectFolder, screenshotsFolder } from './folders.js'
import { addressKeycloak, startKeycloak } from './keycloak.js'
import type { KeycloakAddress } from './keycloak-client.js'
import { findFreePort } from './ports.js'
import { addressPostgresql, type PostgresqlAddress, startPostgresql } from './postgresql.js'

declare module 'vitest' {
  interface ProvidedContext {
    keycloak: KeycloakAddress & { failureFile: string }
    postgresql: PostgresqlAddress & { failureFile: string }
  }
}

/**
 * Installs what lacks, builds the service, and starts Keycloak and PostgreSQL without waiting for them, so that the
 * tests that need neither run meanwhile. The others wait with `requireKeycloak` and `requirePostgresql`.
 */
export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  for (const folder of [logsFolder, screenshotsFolder]) await rm(folder, { recursive: true, force: true })
  await run('bash', [join(import.meta.dirname, 'install.sh')])
  await buildService()

  const teardown = new AbortController()
  const keycloakPort = await findFreePort()
  const postgresqlPort = await findFreePort()
  const password = randomUUID()
  const keycloakFailure = join(logsFolder, 'keycloak-failure.log')
  const postgresqlFailure = join(logsFolder, 'postgresql-failure.log')

  project.provide('keycloak', { ...addressKeycloak(keycloakPort), failureFile: keycloakFailure })
  project.provide('postgresql', {
    ...addressPostgresql(postgresqlPort, password),
    failureFile: postgresqlFailure,
  })
  // Nothing of that lane asks for them.
  if (process.env.LATCHKEY_E2E_LANE === 'alone') return async () => {}
  const servers = [
    startOrNoteFailure(startKeycloak({ port: keycloakPort, signal: teardown.signal }), keycloakFailure),
    startOrNoteFailure(startPostgresql({ port: postgresqlPort, password }), postgresqlFailure),
  ]

  return async () => {
    teardown.abort(new Error('The tests ended before it was ready'))
    await Promise.all(servers.map(async (server) => await (await server)?.stop()))
  }
}

/** The tests run in other processes: they learn of a failure from a file, instead of waiting for a time-out. */
async function startOrNoteFailure<T>(start: Promise<T>, failureFile: string): Promise<T | undefined> {
  try {
    return await start
  } catch (error) {
    await mkdir(dirname(failureFile), { recursive: true })
    await writeFile(failureFile, String(error))
    return undefined
  }
}

/** Builds all when nothing was built, else compiles what changed, so that no test judges an old build. */
async function buildService(): Promise<void> {
  if (process.env.LATCHKEY_E2E_BUILD === 'skip') return
  const isBuilt = existsSync(join(projectFolder, 'dist/src/server.js'))
  await run('npm', ['run', '--silent', isBuilt ? 'prestart' : 'build'])
}

async function run(command: string, args: string[]): Promise<void> {
  const child = spawn(command, args, { cwd: projectFolder, stdio: ['ignore', 'inherit', 'inherit'] })
  const [code] = await once(child, 'exit')
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}`)
}
