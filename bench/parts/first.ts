import { openDatabaseCpu } from '../database-cpu.js'
import {
  type Competitor,
  type Measurements,
  measureRounds,
  type Series,
  type ServerPlan,
  seriesOf,
} from '../rounds.js'
import { asCount, findMiss, type RunOptions, type Section } from '../section.js'
import { median, pairedRatios } from '../statistics.js'
import { copyEmbedded, startCopy } from '../stores.js'
import { firstCheck } from '../variants/index.js'

interface Store {
  engine: string
  keys: number
  server: ServerPlan
  stop?: () => Promise<void>
}

interface Case extends Competitor {
  title: string
  /** The same with the fewest keys. */
  base: string
}

/** In units of the same check with the fewest keys stored. */
const target = 1.3
// One alone tells what a caller waits; many what a busy service pays, where one query looks for several keys.
const concurrencies = [1, 16]

/** What it costs to check a key that the service does not remember, with few and with many keys stored. */
export async function measureFirst({ blocks, rounds, requests, keys }: RunOptions): Promise<Section> {
  const engines: Store[][] = [[], []]
  try {
    for (const count of keys) {
      engines[0]?.push(await openEmbedded(count))
      engines[1]?.push(await openPostgresql(count))
    }
    const cases = engines.flatMap((stores) =>
      concurrencies.flatMap((connections) => stores.map((store) => asCase(store, connections, stores))),
    )
    const plan = { blocks, rounds, requests: Math.ceil(requests / 8), firstWarmUp: 2_000, warmUp: 200 }
    const measurements = await measureRounds(cases, plan)
    return describe(cases, measurements, `${blocks} blocks of ${rounds} rounds of ${plan.requests} requests`)
  } finally {
    for (const { stop } of engines.flat()) await stop?.()
  }
}

async function openEmbedded(keys: number): Promise<Store> {
  const parameters = [await copyEmbedded(keys), String(keys)]
  return { engine: 'embedded', keys, server: { variant: firstCheck.name, parameters } }
}

async function openPostgresql(keys: number): Promise<Store> {
  const { url, superuserUrl, stop } = await startCopy(keys)
  const readDatabaseCpu = await openDatabaseCpu(superuserUrl)
  const server = { variant: firstCheck.name, parameters: [url, String(keys)], readDatabaseCpu }
  return { engine: 'PostgreSQL', keys, server, stop }
}

function asCase({ engine, keys, server }: Store, connections: number, stores: readonly Store[]): Case {
  const nameWith = (count: number) => `${engine} ${connections} ${count}`
  const concurrency = connections === 1 ? 'one at a time' : `${connections} at once`
  return {
    name: nameWith(keys),
    base: nameWith(stores[0]?.keys ?? keys),
    title: `${engine}, ${concurrency}, ${asCount(keys)} keys`,
    connections,
    server,
  }
}

function describe(cases: readonly Case[], measurements: Measurements, setup: string): Section {
  return {
    heading: 'A key that is not remembered',
    setup,
    head: [
      '',
      'CPU ratio',
      'p50 ratio',
      'database CPU ratio',
      'target',
      'CPU µs',
      'database CPU µs',
      'p50 ms',
    ],
    rows: cases.map((one) => describeCase(one, measurements)),
    misses: cases
      .filter(isCompared)
      .flatMap((one) => [
        ...findMiss(`First check, ${one.title}, CPU time`, ratioOf(one, measurements, 'cpuMicros'), target),
        ...findMiss(`First check, ${one.title}, p50`, ratioOf(one, measurements, 'p50Ms'), target),
      ]),
  }
}

const isCompared = ({ name, base }: Case) => name !== base

function describeCase(one: Case, measurements: Measurements): string[] {
  const { cpuMicros, databaseCpuMicros, p50Ms } = seriesOf(one.name, measurements)
  const hasDatabase = one.server.readDatabaseCpu !== undefined
  return [
    one.title,
    ratioOf(one, measurements, 'cpuMicros').toFixed(2),
    ratioOf(one, measurements, 'p50Ms').toFixed(2),
    hasDatabase ? ratioOf(one, measurements, 'databaseCpuMicros').toFixed(2) : '',
    isCompared(one) ? `≤ ${target}` : '',
    median(cpuMicros).toFixed(0),
    hasDatabase ? median(databaseCpuMicros).toFixed(0) : '',
    median(p50Ms).toFixed(2),
  ]
}

function ratioOf({ name, base }: Case, measurements: Measurements, what: keyof Series): number {
  return median(pairedRatios(seriesOf(name, measurements)[what], seriesOf(base, measurements)[what]))
}
