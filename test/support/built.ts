import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

// By the package's own name for its root, because the benchmark runs this file from dist.
const project = dirname(createRequire(import.meta.url).resolve('#package/package.json'))

/** The programs that tests start as processes. Never called: the imports tell `vitest --changed` what they are made of. */
const programs = {
  'src/server': () => import('../../src/server.js'),
  'src/cli/main': () => import('../../src/cli/main.js'),
  'test/processes/count-calls': () => import('../processes/count-calls.js'),
  'test/processes/make-templates': () => import('../processes/make-templates.js'),
  'test/processes/print-config': () => import('../processes/print-config.js'),
  'test/processes/write-sessions': () => import('../processes/write-sessions.js'),
}

/**
 * What Node is started with for a program that lives for seconds. Without optimising the WebAssembly of the embedded
 * database, a start takes a fifth less CPU time.
 */
export const nodeArguments = ['--liftoff-only']

/** The path of a program as `npm run build` made it. Every run of the tests builds what changed: see `global-setup.ts`. */
export const pathOfBuilt = (program: keyof typeof programs): string => join(project, 'dist', `${program}.js`)
