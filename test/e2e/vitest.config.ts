import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** By name: `embedded*` needs no Keycloak and runs while it starts, `keycloak*` comes after it. */
class NameSequencer extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return files.toSorted((a, b) => a.moduleId.localeCompare(b.moduleId))
  }
}

export default defineConfig({
  root: new URL('../..', import.meta.url).pathname,
  test: {
    include: ['test/e2e/**/*.test.ts'],
    globalSetup: ['test/e2e/support/global-setup.ts'],
    // The files share one Keycloak, one PostgreSQL and two cores.
    fileParallelism: false,
    sequence: { sequencer: NameSequencer },
    testTimeout: 120_000,
    // The first run on a machine downloads and prepares Keycloak.
    hookTimeout: 600_000,
    teardownTimeout: 60_000,
  },
})
