import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { findTemplates } from '../../support/templates.js'
import { makeTemporaryFolder, projectFolder } from './folders.js'
import { installPackage } from './installed-package.js'
import { startKeycloak } from './keycloak.js'
import { findFreePort } from './ports.js'
import { addressPostgresql, type PostgresqlAddress, startPostgresql } from './postgresql.js'
import { prepareMachine, runAloud } from './prepare-machine.js'

declare module 'vitest' {
  interface ProvidedContext {
    keycloak: Shared & { origin: string }
    postgresql: Shared & PostgresqlAddress
    /** `readyFile` holds what `installPackage` returned. */
    installedPackage: Shared & { readyFile: string }
  }
}

interface Shared {
  /** Tests run in other processes: this file tells them why they wait in vain. Left out: it is ready. */
  failureFile?: string
}

/**
 * Installs what lacks, builds the service, and begins what all files share without waiting for it, so that the tests
 * that need none of it run meanwhile. The others wait with the functions of `environment.ts`.
 */
export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  await prepareMachine()
  await buildService()
  await findTemplates()

  const teardown = new AbortController()
  const { signal } = teardown
  const folder = await makeTemporaryFolder('shared')
  const [keycloakPort, postgresqlPort] = [await findFreePort(), await findFreePort()]
  const password = randomUUID()
  const failureFile = (name: string) => join(folder, `${name}-failure`)
  const readyFile = join(folder, 'package.json')
  project.provide('keycloak', {
    origin: `http://127.0.0.1:${keycloakPort}`,
    failureFile: failureFile('keycloak'),
  })
  project.provide('postgresql', {
    ...addressPostgresql(postgresqlPort, password),
    failureFile: failureFile('postgresql'),
  })
  project.provide('installedPackage', { readyFile, failureFile: failureFile('package') })

  const keycloak = orNote(startKeycloak({ port: keycloakPort, signal }), failureFile('keycloak'))
  const postgresql = orNote(startPostgresql({ port: postgresqlPort, password }), failureFile('postgresql'))
  const installing = orNote(providePackage(readyFile, signal), failureFile('package'))

  return async () => {
    teardown.abort(new Error('The tests ended before it was ready'))
    await (await keycloak)?.stop()
    await (await postgresql)?.stop()
    await (await installing)?.remove()
    await rm(folder, { recursive: true, force: true })
  }
}

async function orNote<T>(work: Promise<T>, failureFile: string): Promise<T | undefined> {
  try {
    return await work
  } catch (error) {
    await writeFile(failureFile, String(error))
    return undefined
  }
}

async function providePackage(readyFile: string, signal: AbortSignal) {
  const folder = await makeTemporaryFolder('a-service')
  const remove = async () => await rm(folder, { recursive: true, force: true })
  try {
    const installed = await installPackage(folder, signal)
    const draft = `${readyFile}.draft`
    await writeFile(draft, JSON.stringify(installed))
    await rename(draft, readyFile)
    return { remove }
  } catch (error) {
    await remove()
    throw error
  }
}

/** Builds all when nothing was built, else compiles what changed, so that no test judges an old build. */
async function buildService(): Promise<void> {
  if (process.env.LATCHKEY_E2E_BUILD === 'skip') return
  const isBuilt = existsSync(join(projectFolder, 'dist/src/server.js'))
  await runAloud('npm', ['run', '--silent', isBuilt ? 'prestart' : 'build'])
}
