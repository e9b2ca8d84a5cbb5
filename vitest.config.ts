import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'
import { LongestFirst } from './test/support/longest-first.js'
import { recycledForks } from './test/support/recycled-forks.js'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/e2e/**', 'test/soak/**'],
    globalSetup: ['test/support/global-setup.ts'],
    // Three on two cores, because tests that start processes mostly wait. At most four, because each may take 1 GB.
    maxWorkers: Math.min(4, Math.max(3, availableParallelism() - 1)),
    // The files of a worker share what is loaded, compiled and started once, which is most of what a file costs.
    isolate: false,
    pool: recycledForks,
    execArgv: ['--expose-gc'],
    setupFiles: ['test/support/collect-garbage.ts'],
    unstubEnvs: true,
    unstubGlobals: true,
    restoreMocks: true,
    sequence: { sequencer: LongestFirst },
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
})
