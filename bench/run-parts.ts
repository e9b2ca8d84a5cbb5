import { cpus } from 'node:os'
import { readOptions, WrongOption } from './options.js'
import { type Results, renderSection, writeResults } from './report.js'
import type { RunOptions, Section } from './section.js'

/** A command of the benchmark. */
export interface BenchCommand {
  /** As it is called. */
  name: string
  /** How many keys it stores by default, from few to many, with commas between. */
  keys: string
  /** Of the files in `bench/` that hold its results, without their ends. */
  resultsName: string
  parts: Readonly<Record<string, (options: RunOptions) => Promise<Section>>>
}

/** Runs the parts that the command line asks for; a command line that cannot be followed is told in one sentence. */
export async function runParts(command: BenchCommand): Promise<void> {
  try {
    await follow(command)
  } catch (error) {
    if (!(error instanceof WrongOption)) throw error
    process.stderr.write(`${error.message}\n`)
    // EX_USAGE of sysexits.
    process.exitCode = 64
  }
}

async function follow(command: BenchCommand): Promise<void> {
  const order = Object.keys(command.parts)
  const asked = readOptions(process.argv.slice(2), order, command)
  if (asked.kind === 'help') {
    process.stdout.write(asked.text)
    return
  }
  const measured: Results = {}
  for (const name of asked.parts) {
    process.stderr.write(`${name}\n`)
    const section = await measure(command, name, asked.amounts)
    measured[name] = section
    process.stdout.write(renderSection(section))
    // After each part, so that a run that is cut short has not measured for nothing.
    if (asked.writes) writeResults(measured, order, command.resultsName)
  }
  if (!asked.writes) process.stderr.write('Not kept, since amounts are not the default ones (--write)\n')
  const misses = Object.values(measured).flatMap((section) => section.misses)
  for (const miss of misses) process.stderr.write(`Missed: ${miss}\n`)
  if (asked.checks && misses.length > 0) process.exitCode = 1
}

async function measure({ parts }: BenchCommand, name: string, amounts: RunOptions): Promise<Section> {
  const part = parts[name]
  if (part === undefined) throw new Error(`There is no part ${name}`)
  const section = await part(amounts)
  return { ...section, setup: `${describeMachine()}, ${section.setup}.` }
}

function describeMachine(): string {
  const today = new Date().toISOString().slice(0, 10)
  return `${today}, Node ${process.versions.node}, ${cpus().length} × ${cpus()[0]?.model.trim()}`
}
