import { type DatabaseCpu, microsBetween } from './database-cpu.js'
import { type Ready, type Sight, startWorker, type Worker } from './messages.js'

/** A process to be started for each block. */
export type ServerPlan = {
  /** Reads the CPU time of the database it asks, where that is a process of its own. */
  readDatabaseCpu?: () => DatabaseCpu
} & (
  | {
      /** Of `variants/index.ts`. */
      variant: string
      /** What it is to be opened with. Default: nothing. */
      parameters?: string[]
    }
  /** Starts what is no variant: a program of another kind. */
  | { open: () => Promise<MeasuredServer> }
)

/** A started server, as it is measured. */
export interface MeasuredServer {
  ready: Ready
  /** CPU time that it has used so far. */
  readCpuMicros(): Promise<number>
  /** What it puts off is done now. */
  rest(): Promise<void>
  stop(): Promise<void>
}

/** One row of a result. Several may visit one server, by the same `ServerPlan`. */
export interface Competitor {
  name: string
  server: ServerPlan
  /** Requests under way at once. Default: enough to keep the server busy, so that its CPU time does not hold its idling. */
  connections?: number
  /** Share of the plan's requests, for those that take long. Default: 1. */
  share?: number
}

export interface Plan {
  blocks: number
  rounds: number
  requests: number
  /** Until the JIT compiler has seen all it will see. */
  firstWarmUp: number
  /** At each visit, until caches are as in use. */
  warmUp: number
}

/** What was measured of a competitor, a value for each round. */
export interface Series {
  cpuMicros: number[]
  databaseCpuMicros: number[]
  requestsPerSecond: number[]
  p50Ms: number[]
  p99Ms: number[]
}

export type Measurements = ReadonlyMap<string, Series>

/** @throws when nobody of that name was measured */
export function seriesOf(name: string, measurements: Measurements): Series {
  return measurements.get(name) ?? fail(`${name} is not of this run`)
}

const busyConnections = 16

/** Visits all competitors in turn, again and again. */
export async function measureRounds(competitors: readonly Competitor[], plan: Plan): Promise<Measurements> {
  const measurements = new Map(competitors.map(({ name }) => [name, emptySeries()]))
  for (let block = 0; block < plan.blocks; block++) {
    await measureBlock(competitors, plan, measurements)
    process.stderr.write(`block ${block + 1} of ${plan.blocks}\n`)
  }
  return measurements
}

/** New processes for each block: the same code may cost a fifth more in one process than in another. */
async function measureBlock(competitors: readonly Competitor[], plan: Plan, measurements: Measurements) {
  const load = startWorker('./load.js')
  const running = new Map<ServerPlan, MeasuredServer>()
  for (const { server } of competitors) if (!running.has(server)) running.set(server, await start(server))
  const visitors = competitors.map((competitor) => createVisitor(competitor, load, running))
  for (const { visit } of visitors) await visit(plan.firstWarmUp)
  for (let round = 0; round < plan.rounds; round++) {
    for (const visitor of shuffled(visitors)) await measureVisit(visitor, plan, measurements)
  }
  await Promise.all([load, ...running.values()].map((one) => one.stop()))
}

async function start(plan: ServerPlan): Promise<MeasuredServer> {
  if ('open' in plan) return plan.open()
  return startVariant(plan.variant, plan.parameters)
}

/** A variant in a process of its own. */
export async function startVariant(
  variant: string,
  parameters: readonly string[] = [],
): Promise<MeasuredServer> {
  const worker = startWorker('./serve.js', [variant, ...parameters])
  return {
    ready: (await worker.first) as Ready,
    readCpuMicros: () => worker.ask('cpu') as Promise<number>,
    rest: async () => void (await worker.ask('rest')),
    stop: worker.stop,
  }
}

type Visitor = ReturnType<typeof createVisitor>

function createVisitor(
  competitor: Competitor,
  load: Worker,
  running: ReadonlyMap<ServerPlan, MeasuredServer>,
) {
  const { name, server: plan, connections = busyConnections, share = 1 } = competitor
  const { ready, readCpuMicros, rest } = running.get(plan) ?? fail(`${name} was not started`)
  return {
    name,
    readDatabaseCpu: plan.readDatabaseCpu ?? (() => new Map()),
    countOf: (requests: number) => Math.ceil(requests * share),
    visit: (requests: number) =>
      load.ask({ ...ready, connections, requests: Math.ceil(requests * share) }) as Promise<Sight>,
    readCpuMicros,
    /** Outside of what is measured. */
    rest,
  }
}

async function measureVisit(visitor: Visitor, plan: Plan, measurements: Measurements): Promise<void> {
  await visitor.visit(plan.warmUp)
  const databaseBefore = visitor.readDatabaseCpu()
  const before = await visitor.readCpuMicros()
  const sight = await visitor.visit(plan.requests)
  const after = await visitor.readCpuMicros()
  const databaseAfter = visitor.readDatabaseCpu()
  await visitor.rest()
  const series = seriesOf(visitor.name, measurements)
  const requests = visitor.countOf(plan.requests)
  series.cpuMicros.push((after - before) / requests)
  series.databaseCpuMicros.push(microsBetween(databaseBefore, databaseAfter) / requests)
  series.requestsPerSecond.push(sight.requestsPerSecond)
  series.p50Ms.push(sight.p50Ms)
  series.p99Ms.push(sight.p99Ms)
}

const emptySeries = (): Series => ({
  cpuMicros: [],
  databaseCpuMicros: [],
  requestsPerSecond: [],
  p50Ms: [],
  p99Ms: [],
})

/** In another order each round, so that nobody always follows the same neighbour. */
export function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, place: Math.random() }))
    .sort((one, other) => one.place - other.place)
    .map(({ item }) => item)
}

function fail(message: string): never {
  throw new Error(message)
}
