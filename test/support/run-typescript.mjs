// Runs a TypeScript file in a plain Node process, for tests that need a process of their own: `node run-typescript.mjs
// <file> …`. It compiles with what the test runner brings along, so nothing has to be built before.
import { createViteServer } from 'vitest/node'

const server = await createViteServer({
  configFile: false,
  logLevel: 'error',
  appType: 'custom',
  server: { middlewareMode: true, hmr: false, ws: false, watch: null },
  optimizeDeps: { noDiscovery: true },
})
await server.ssrLoadModule(process.argv[2] ?? '')
