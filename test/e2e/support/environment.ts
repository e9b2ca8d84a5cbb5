import { existsSync, readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { inject } from 'vitest'
import type { KeycloakAddress } from './keycloak-client.js'
import { type PostgresqlAddress, runSql } from './postgresql.js'
import { waitUntilAnswers } from './wait.js'

// A first run downloads and prepares Keycloak.
const KEYCLOAK_TIMEOUT_MS = 600_000
const POSTGRESQL_TIMEOUT_MS = 60_000

/**
 * Waits until the Keycloak that all files share is ready, its realm included.
 * Whoever changes something in it (disables bob, ends his sessions) changes it back.
 */
export async function requireKeycloak(): Promise<KeycloakAddress> {
  const { failureFile, ...address } = inject('keycloak')
  await waitUntilAnswers(`${address.issuer}/.well-known/openid-configuration`, {
    timeoutMs: KEYCLOAK_TIMEOUT_MS,
    giveUp: () => throwIfFailed(failureFile),
  })
  return address
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

function throwIfFailed(failureFile: string): void {
  if (existsSync(failureFile)) throw new Error(readFileSync(failureFile, 'utf8'))
}
