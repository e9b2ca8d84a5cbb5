// Runs what takes too long for the gate, one part after another, and prints a table: `npm run test:long`.
// `npm run test:long -- ends replicas` runs these two parts only.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parts } from './parts.mjs'

const logs = join(import.meta.dirname, 'logs')
const killAfterMs = 30_000

const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !parts.some((part) => part.name === name))
if (unknown.length > 0) {
  console.error(`There is no part ${unknown.join(', ')}. The parts are:\n${describeParts()}`)
  // EX_USAGE of sysexits.
  process.exit(64)
}

/** The part that runs. */
let running
// It does not hear Ctrl-C by itself, because it leads a process group of its own.
for (const [signal, exitCode] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
])
  process.once(signal, () => {
    if (running !== undefined) endGroup(running, 'SIGTERM')
    process.exit(exitCode)
  })

mkdirSync(logs, { recursive: true })
const outcomes = []
for (const part of parts) {
  if (wanted.length > 0 && !wanted.includes(part.name)) continue
  console.log(`${part.name}: ${part.command}`)
  const outcome = await run(part)
  console.log(`${part.name}: ${outcome.result} after ${asMinutes(outcome.tookMs)}, log in ${outcome.log}`)
  outcomes.push(outcome)
}
console.log(`\n${renderTable(outcomes)}`)
process.exit(outcomes.every(({ result }) => result === 'passed') ? 0 : 1)

/** Runs the command of a part, and ends it with all its children when its time is over. */
async function run({ name, command, env = {}, minutes, figures }) {
  const log = join(logs, `${name}.log`)
  const stream = createWriteStream(log)
  const begun = performance.now()
  const child = spawn('bash', ['-c', command], {
    env: { ...process.env, NO_COLOR: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    // It leads a process group of its own, so that a signal reaches its children.
    detached: true,
  })
  running = child
  for (const output of [child.stdout, child.stderr]) output.pipe(stream, { end: false })
  let isLate = false
  const timers = [
    setTimeout(() => {
      isLate = true
      endGroup(child, 'SIGTERM')
    }, minutes * 60_000),
    setTimeout(() => endGroup(child, 'SIGKILL'), minutes * 60_000 + killAfterMs),
  ]
  const [code] = await once(child, 'close')
  running = undefined
  for (const timer of timers) clearTimeout(timer)
  await new Promise((resolve) => stream.end(resolve))
  const failure = isLate ? `not done in ${minutes} min` : 'failed'
  return {
    ...{ name, log, tookMs: performance.now() - begun },
    result: code === 0 && !isLate ? 'passed' : failure,
    figures: findFigures(readFileSync(log, 'utf8'), figures),
  }
}

/** Signals a process and its children, who may be gone already. */
function endGroup({ pid }, signal) {
  try {
    process.kill(-pid, signal)
  } catch (error) {
    if (error.code !== 'ESRCH') throw error
  }
}

/** What the first group of each pattern took, in the order of the log. */
function findFigures(log, patterns) {
  const lines = log.split('\n')
  return lines.flatMap((line) => patterns.map((pattern) => pattern.exec(line)?.[1]).filter(Boolean))
}

function renderTable(rows) {
  const cells = rows.flatMap(({ name, tookMs, result, figures }) => {
    const [first = '', ...others] = figures
    return [[name, asMinutes(tookMs), result, first], ...others.map((figure) => ['', '', '', figure])]
  })
  const table = [['part', 'min:s', 'result', 'figures'], ...cells]
  const widths = [0, 1, 2].map((column) => Math.max(...table.map((row) => row[column].length)))
  return table.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')).join('\n')
}

function describeParts() {
  return parts
    .map(({ name, minutes, what }) => `  ${name.padEnd(12)}${what}; at most ${minutes} min`)
    .join('\n')
}

function asMinutes(ms) {
  const seconds = Math.round(ms / 1000)
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
}
