import { defineConfig } from 'vitest/config'

/** The tests that a mutant must not survive: those of the decisions themselves, which need no started service. */
export default defineConfig({
  root: new URL('../..', import.meta.url).pathname,
  test: {
    // The database in memory that some of them borrow begins from its template.
    globalSetup: [new URL('../support/global-setup.ts', import.meta.url).pathname],
    include: [
      'test/auth/allowed-hosts.test.ts',
      'test/auth/decide.test.ts',
      'test/auth/forwarding.test.ts',
      'test/auth/read-credential.test.ts',
      'test/auth/same-origin.test.ts',
      'test/auth/verify-token.test.ts',
      'test/keys/cached-key.test.ts',
      'test/keys/cached-owners.test.ts',
      'test/keys/imported-values.test.ts',
      'test/keys/key-switch.test.ts',
      'test/keys/scopes.test.ts',
      'test/keys/signed-token-verdict.test.ts',
      'test/keys/status.test.ts',
      'test/keys/value-shape.test.ts',
      'test/keys/verdict.test.ts',
      'test/limits/address-rate.test.ts',
      'test/limits/calendar.test.ts',
      'test/limits/decide.test.ts',
      'test/limits/headers.test.ts',
      'test/limits/memory.test.ts',
      'test/limits/redis-batch.test.ts',
      'test/limits/share.test.ts',
      'test/limits/windows.test.ts',
      'test/links/token.test.ts',
      'test/links/verify.test.ts',
      'test/login/return-to.test.ts',
    ],
  },
})
