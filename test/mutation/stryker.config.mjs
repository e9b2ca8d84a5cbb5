// Mutation testing of the modules that decide who gets in: each change that a test does not notice is a hole in the tests.
// Another module joins by a line in `mutate` and its tests in `vitest.config.ts`.
export default {
  mutate: [
    'src/auth/bearer.ts',
    'src/auth/bounds.ts',
    'src/auth/credential-headers.ts',
    'src/auth/credentials.ts',
    'src/auth/decide.ts',
    'src/auth/forwarding.ts',
    'src/auth/key-shape.ts',
    'src/auth/same-origin.ts',
    'src/keys/cached-key.ts',
    'src/keys/cached-owners.ts',
    'src/keys/scopes.ts',
    'src/keys/status.ts',
    'src/keys/value.ts',
    'src/keys/verify.ts',
    'src/links/token.ts',
    'src/links/verify.ts',
    'src/login/return-to.ts',
  ],
  thresholds: { high: 95, low: 90, break: 90 },
  testRunner: 'vitest',
  vitest: { configFile: 'test/mutation/vitest.config.ts', related: false },
  coverageAnalysis: 'perTest',
  concurrency: 2,
  reporters: ['clear-text', 'html'],
  clearTextReporter: { allowColor: false, logTests: false, reportTests: false, skipFull: false },
  htmlReporter: { fileName: 'test/mutation/report.html' },
  // Not below test/, where Vitest would find the copies of the tests.
  tempDirName: '.stryker-tmp',
  ignorePatterns: ['/dist', '/data', '/bench', '/test/e2e', '/test/soak'],
  // No such file: what Stryker would rewrite in it with TypeScript's old API, TypeScript 7 has not, and Vitest needs none.
  tsconfigFile: 'none',
}
