import { existsSync } from 'node:fs'
import { join, relative } from 'node:path'
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'
import { recycledForks } from '../support/recycled-forks.js'

/**
 * The longest files first, so that no worker is left with one at the end; those that mostly wait beside those that
 * compute, so that the cores are never idle; and those that need Keycloak when it has started, after a minute.
 */
const order = [
  ...['survival-ends', 'redis-hand-over', 'embedded', 'command-line', 'redis-limits'],
  ...['keycloak', 'postgresql-outages', 'keycloak-outages', 'keycloak-command-line', 'shutdown-delay'],
  ...['keycloak-directory', 'hostile-document', 'keycloak-storage', 'survival-keycloak', 'survival-disk'],
  ...['embedded-single-user', 'redis-batches', 'declared-files', 'support/support', 'command-line-processes'],
  ...['embedded-package', 'postgresql-notices', 'remote', 'services-file', 'redis-replicas'],
  ...['embedded-client', 'embedded-documents', 'gateway-readings', 'postgresql-keys', 'embedded-recipes'],
]
for (const name of order) {
  const file = join(import.meta.dirname, `${name}.test.ts`)
  if (!existsSync(file))
    throw new Error(`${file} does not exist: mend the order in test/e2e/vitest.config.ts`)
}

class OrderSequencer extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return files.toSorted((a, b) => placeOf(a) - placeOf(b) || a.moduleId.localeCompare(b.moduleId))
  }
}

function placeOf({ moduleId }: TestSpecification): number {
  const place = order.indexOf(relative(import.meta.dirname, moduleId).replace(/\.test\.ts$/, ''))
  return place === -1 ? order.length : place
}

export default defineConfig({
  root: new URL('../..', import.meta.url).pathname,
  test: {
    include: ['test/e2e/**/*.test.ts'],
    exclude: ['test/e2e/matrix/**'],
    globalSetup: ['test/e2e/support/global-setup.ts'],
    // A file waits for most of its time, so three of them share two cores with Keycloak and PostgreSQL.
    maxWorkers: 3,
    // What is loaded is loaded once for all files of a worker.
    isolate: false,
    pool: recycledForks,
    sequence: { sequencer: OrderSequencer },
    testTimeout: 120_000,
    // The first run on a machine downloads and prepares Keycloak.
    hookTimeout: 600_000,
    teardownTimeout: 60_000,
  },
})
