import { measureCheck } from './parts/check.js'
import { measureFirst } from './parts/first.js'
import { measureHook } from './parts/hook.js'
import { measureMemory } from './parts/memory.js'
import { measureStartup } from './parts/startup.js'
import { runParts } from './run-parts.js'

await runParts({
  name: 'npm run bench',
  keys: '100,10000,1000000',
  resultsName: 'results',
  parts: {
    hook: measureHook,
    check: measureCheck,
    first: measureFirst,
    startup: measureStartup,
    memory: measureMemory,
  },
})
