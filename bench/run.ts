import { writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type Ready, type Sight, startWorker, type Visit, type Worker } from './messages.js'
import { emptySeries, findMisses, type Measurements, renderTable, type Series } from './table.js'
import { variants } from './variants/index.js'

const options = parseArgs({
  options: {
    blocks: { type: 'string', default: '4' },
    rounds: { type: 'string', default: '4' },
    requests: { type: 'string', default: '8000' },
    check: { type: 'boolean', default: false },
  },
}).values
const blocks = Number(options.blocks)
const rounds = Number(options.rounds)
const requests = Number(options.requests)
/** Until the JIT compiler has seen all it will see; then, at each visit, until caches are as in use. */
const firstWarmUp = 40_000
const warmUp = 500

interface Running {
  server: Worker
  ready: Ready
  series: Series
}

async function main(): Promise<void> {
  const measurements = new Map(variants.map(({ name }) => [name, emptySeries()]))
  for (let block = 0; block < blocks; block++) {
    await measureBlock(measurements)
    process.stderr.write(`block ${block + 1} of ${blocks}\n`)
  }
  report(measurements)
}

/** New processes for each block: the same code may cost a fifth more in one process than in another. */
async function measureBlock(measurements: Measurements): Promise<void> {
  const load = startWorker('./load.js')
  const running: Running[] = []
  for (const [name, series] of measurements) {
    const server = startWorker('./serve.js', [name])
    running.push({ server, ready: (await server.first) as Ready, series })
  }
  for (const { ready } of running) await visit(load, ready, firstWarmUp)
  for (let round = 0; round < rounds; round++) {
    for (const one of shuffled(running)) await measure(load, one)
  }
  await Promise.all([load, ...running.map(({ server }) => server)].map((worker) => worker.stop()))
}

async function measure(load: Worker, { server, ready, series }: Running): Promise<void> {
  await visit(load, ready, warmUp)
  const before = await cpuMicrosOf(server)
  const sight = await visit(load, ready, requests)
  const after = await cpuMicrosOf(server)
  series.cpuMicros.push((after - before) / requests)
  series.requestsPerSecond.push(sight.requestsPerSecond)
  series.p50Ms.push(sight.p50Ms)
  series.p99Ms.push(sight.p99Ms)
}

const visit = (load: Worker, ready: Ready, requests: number) =>
  load.ask({ ...ready, requests } satisfies Visit) as Promise<Sight>

const cpuMicrosOf = (server: Worker) => server.ask('cpu') as Promise<number>

/** In another order each round, so that nobody always follows the same neighbour. */
function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, place: Math.random() }))
    .sort((one, other) => one.place - other.place)
    .map(({ item }) => item)
}

function report(measurements: Measurements): void {
  const text = `# Results

${new Date().toISOString().slice(0, 10)}, Node ${process.versions.node}, ${cpus().length} × ${cpus()[0]?.model.trim()}, ${blocks} blocks of ${rounds} rounds of ${requests} requests. How to read it: README.md.

${renderTable(measurements)}`
  process.stdout.write(text)
  // Beside the sources, wherever the compiler put this file.
  writeFileSync(fileURLToPath(import.meta.resolve('#package/bench/results.md')), text)
  const misses = findMisses(measurements)
  for (const miss of misses) process.stderr.write(`Missed: ${miss}\n`)
  if (options.check && misses.length > 0) process.exitCode = 1
}

await main()
