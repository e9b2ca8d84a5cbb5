import { measureGatewayCpu } from './parts/gateway-cpu.js'
import { measureGatewayLatency } from './parts/gateway-latency.js'
import { measureGatewayMemory } from './parts/gateway-memory.js'
import { runParts } from './run-parts.js'

await runParts({
  name: 'npm run bench:gateway',
  keys: '10000',
  resultsName: 'gateway-results',
  parts: { cpu: measureGatewayCpu, latency: measureGatewayLatency, memory: measureGatewayMemory },
})
