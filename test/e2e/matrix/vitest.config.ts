import { defineConfig } from 'vitest/config'
import endToEnd from '../vitest.config.js'

/** All combinations of what the gate has one case of. */
export default defineConfig({
  ...endToEnd,
  test: { ...endToEnd.test, include: ['test/e2e/matrix/**/*.test.ts'], exclude: [] },
})
