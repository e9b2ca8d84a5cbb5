import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { measureFirst } from './parts/first.js'
import { measureHook } from './parts/hook.js'
import { measureMemory } from './parts/memory.js'
import { measureStartup } from './parts/startup.js'
import { type Results, writeResults } from './report.js'
import type { RunOptions, Section } from './section.js'

const parts: Record<string, (options: RunOptions) => Promise<Section>> = {
  hook: measureHook,
  first: measureFirst,
  startup: measureStartup,
  memory: measureMemory,
}

const { only, check, ...counts } = parseArgs({
  options: {
    only: { type: 'string', default: Object.keys(parts).join() },
    blocks: { type: 'string', default: '4' },
    rounds: { type: 'string', default: '4' },
    requests: { type: 'string', default: '8000' },
    keys: { type: 'string', default: '100,10000,1000000' },
    check: { type: 'boolean', default: false },
  },
}).values
const options: RunOptions = {
  blocks: Number(counts.blocks),
  rounds: Number(counts.rounds),
  requests: Number(counts.requests),
  keys: counts.keys.split(',').map(Number),
}

const measured: Results = {}
for (const name of only.split(',')) {
  const measure = parts[name]
  if (measure === undefined)
    throw new Error(`There is no part ${name}, only ${Object.keys(parts).join(', ')}`)
  process.stderr.write(`${name}\n`)
  const section = await measure(options)
  measured[name] = { ...section, setup: `${describeMachine()}, ${section.setup}.` }
  // After each part, so that a run that is cut short has not measured for nothing.
  process.stdout.write(writeResults(measured, Object.keys(parts)))
}
const misses = Object.values(measured).flatMap((section) => section.misses)
for (const miss of misses) process.stderr.write(`Missed: ${miss}\n`)
if (check && misses.length > 0) process.exitCode = 1

function describeMachine(): string {
  const today = new Date().toISOString().slice(0, 10)
  return `${today}, Node ${process.versions.node}, ${cpus().length} × ${cpus()[0]?.model.trim()}`
}
