import { defineConfig } from 'vitest/config'

export default defineConfig({
  root: new URL('../..', import.meta.url).pathname,
  test: {
    include: ['test/soak/**/*.test.ts'],
    globalSetup: ['test/support/global-setup.ts', 'test/soak/support/global-setup.ts'],
    // The files share one PostgreSQL and two cores, and some of them measure.
    fileParallelism: false,
    // The figures are what a soak run is for: they are printed as they come, without a frame around each.
    disableConsoleIntercept: true,
    testTimeout: 1_800_000,
    hookTimeout: 600_000,
    teardownTimeout: 60_000,
  },
})
