import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** By name: `embedded*` needs no Keycloak and runs while it starts, `keycloak*` comes after it. */
class NameSequencer extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return files.toSorted((a, b) => a.moduleId.localeCompare(b.moduleId))
  }
}

/** Files that share one Keycloak and one PostgreSQL; all others have what they need for themselves. */
const sharing = [
  'keycloak*',
  'postgresql*',
  'store-postgresql',
  'remote',
  'survival-{ends,keycloak}',
  'support/*',
]
const sharingFiles = sharing.map((name) => `test/e2e/${name}.test.ts`)
const all = 'test/e2e/**/*.test.ts'

/** `LATCHKEY_E2E_LANE` takes one of two parts of the files, so that two processes run them side by side. */
const lanes: Record<string, { include: string[]; exclude?: string[] }> = {
  all: { include: [all] },
  sharing: { include: sharingFiles },
  alone: { include: [all], exclude: sharingFiles },
}
const lane = lanes[process.env.LATCHKEY_E2E_LANE ?? 'all']
if (lane === undefined) throw new Error(`LATCHKEY_E2E_LANE must be one of ${Object.keys(lanes).join(', ')}`)

export default defineConfig({
  root: new URL('../..', import.meta.url).pathname,
  test: {
    ...lane,
    globalSetup: ['test/e2e/support/global-setup.ts'],
    // The files of a lane share one Keycloak, one PostgreSQL and a core.
    fileParallelism: false,
    sequence: { sequencer: NameSequencer },
    testTimeout: 120_000,
    // The first run on a machine downloads and prepares Keycloak.
    hookTimeout: 600_000,
    teardownTimeout: 60_000,
  },
})
