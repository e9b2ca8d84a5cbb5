import type { TestProject } from 'vitest/node'
import { startPostgresql } from '../../e2e/support/postgresql.js'
import { prepareMachine } from '../../e2e/support/prepare-machine.js'

/**
 * Installs what lacks and starts the PostgreSQL that all files share. Nothing that works is begun here, as a Keycloak that
 * starts: it would change the figures of what is measured meanwhile.
 */
export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  await prepareMachine()
  const { url, superuserUrl, stop } = await startPostgresql()
  project.provide('postgresql', { url, superuserUrl })
  return stop
}
