import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, inject } from 'vitest'
import type { InstalledPackage } from './installed-package.js'
import type { KeycloakAddress } from './keycloak-client.js'
import { createRealm } from './keycloak-realm.js'
import { type PostgresqlAddress, runSql } from './postgresql.js'
import { waitUntilAnswers } from './wait.js'

// A first run downloads and prepares Keycloak.
const KEYCLOAK_TIMEOUT_MS = 600_000
const POSTGRESQL_TIMEOUT_MS = 60_000
const PACKAGE_TIMEOUT_MS = 300_000

/** By the test file that uses it and the Keycloak that it is in. */
const realms = new Map<string, Promise<KeycloakAddress>>()

/** Gives this test file a realm of its own, with alice and bob, in the shared Keycloak, once that is ready. */
export async function requireKeycloak(): Promise<KeycloakAddress> {
  const origin = await requireKeycloakServer()
  const place = `${expect.getState().testPath} ${origin}`
  const realm = realms.get(place) ?? createRealm(origin)
  realms.set(place, realm)
  return await realm
}

/**
 * Waits until the shared Keycloak is ready for realms.
 * @returns its origin
 */
export async function requireKeycloakServer(): Promise<string> {
  const { failureFile, origin } = inject('keycloak')
  await waitUntilAnswers(`${origin}/realms/master`, {
    timeoutMs: KEYCLOAK_TIMEOUT_MS,
    giveUp: () => throwIfFailed(failureFile),
  })
  return origin
}

/** Waits until the PostgreSQL that all files share is ready. Its database is shared too: see `createDatabase`. */
export async function requirePostgresql(): Promise<PostgresqlAddress> {
  const { failureFile, ...address } = inject('postgresql')
  const deadline = Date.now() + POSTGRESQL_TIMEOUT_MS
  for (;;) {
    try {
      await runSql(address.url, 'SELECT 1')
      return address
    } catch (cause) {
      throwIfFailed(failureFile)
      if (Date.now() >= deadline) throw new Error('The shared PostgreSQL does not answer', { cause })
      await delay(200)
    }
  }
}

/**
 * Waits until the package is installed in the project that all files share.
 * @param name of the folder below that project that this file has for itself, returned as `ownFolder`
 */
export async function requireInstalledPackage(
  name: string,
): Promise<InstalledPackage & { ownFolder: string }> {
  const { failureFile, readyFile } = inject('installedPackage')
  const deadline = Date.now() + PACKAGE_TIMEOUT_MS
  while (!existsSync(readyFile)) {
    throwIfFailed(failureFile)
    if (Date.now() >= deadline) throw new Error('The package is not installed in time')
    await delay(100)
  }
  // The global setup wrote what `installPackage` returned.
  const installed = JSON.parse(readFileSync(readyFile, 'utf8')) as InstalledPackage
  const ownFolder = join(installed.folder, name)
  mkdirSync(ownFolder)
  return { ...installed, ownFolder }
}

function throwIfFailed(failureFile: string | undefined): void {
  if (failureFile !== undefined && existsSync(failureFile)) throw new Error(readFileSync(failureFile, 'utf8'))
}
