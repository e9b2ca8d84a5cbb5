import { cpus } from 'node:os'
import { readOptions, WrongOption } from './options.js'
import { measureFirst } from './parts/first.js'
import { measureHook } from './parts/hook.js'
import { measureMemory } from './parts/memory.js'
import { measureStartup } from './parts/startup.js'
import { type Results, renderSection, writeResults } from './report.js'
import type { RunOptions, Section } from './section.js'

const parts: Record<string, (options: RunOptions) => Promise<Section>> = {
  hook: measureHook,
  first: measureFirst,
  startup: measureStartup,
  memory: measureMemory,
}

async function main(): Promise<void> {
  const asked = readOptions(process.argv.slice(2), Object.keys(parts))
  if (asked.kind === 'help') {
    process.stdout.write(asked.text)
    return
  }
  const measured: Results = {}
  for (const name of asked.parts) {
    process.stderr.write(`${name}\n`)
    const section = await measure(name, asked.amounts)
    measured[name] = section
    process.stdout.write(renderSection(section))
    // After each part, so that a run that is cut short has not measured for nothing.
    if (asked.writes) writeResults(measured, Object.keys(parts))
  }
  if (!asked.writes) process.stderr.write('Not kept, since amounts are not the default ones (--write)\n')
  const misses = Object.values(measured).flatMap((section) => section.misses)
  for (const miss of misses) process.stderr.write(`Missed: ${miss}\n`)
  if (asked.checks && misses.length > 0) process.exitCode = 1
}

async function measure(name: string, amounts: RunOptions): Promise<Section> {
  const part = parts[name]
  if (part === undefined) throw new Error(`There is no part ${name}`)
  const section = await part(amounts)
  return { ...section, setup: `${describeMachine()}, ${section.setup}.` }
}

function describeMachine(): string {
  const today = new Date().toISOString().slice(0, 10)
  return `${today}, Node ${process.versions.node}, ${cpus().length} × ${cpus()[0]?.model.trim()}`
}

main().catch((error: unknown) => {
  if (!(error instanceof WrongOption)) throw error
  process.stderr.write(`${error.message}\n`)
  // EX_USAGE of sysexits.
  process.exitCode = 64
})
