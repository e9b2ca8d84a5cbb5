import { startPostgresql } from '../../test/e2e/support/postgresql.js'
import { type Sight, startWorker, type Worker } from '../messages.js'
import { startRedis } from '../programs/redis.js'
import { type MeasuredServer, shuffled, startVariant } from '../rounds.js'
import { findMiss, type RunOptions, type Section } from '../section.js'
import { median, quantile } from '../statistics.js'
import { gatewayVariants } from '../variants/gateways.js'

interface Case {
  title: string
  isOurs: boolean
  server: MeasuredServer
  p50Ms: number[]
  p99Ms: number[]
}

/** The 99th percentile that the gateway adds to that of the upstream itself. */
const targetMs = 1
const connections = 32

/** What a caller waits longer for an answer through the gateway, at half of what it can take. */
export async function measureGatewayLatency({ blocks, rounds, requests }: RunOptions): Promise<Section> {
  const [redis, postgresql] = [await startRedis(), await startPostgresql()]
  const upstream = await startVariant('upstream')
  const surroundings = { upstream: `http://127.0.0.1:${upstream.ready.port}`, redis, postgresql }
  const load = startWorker('./load.js')
  const cases: Case[] = [asCase('the upstream itself', upstream)]
  try {
    for (const { title, open } of gatewayVariants) cases.push(asCase(title, await open(surroundings)))
    const halfLoad = (await findCapacity(cases, load, requests)) / 2
    for (let round = 0; round < blocks * rounds; round++) {
      for (const one of shuffled(cases)) await visit(one, load, { requests, requestsPerSecond: halfLoad })
    }
    return describe(
      cases,
      `${blocks * rounds} rounds of ${requests} requests, ${halfLoad.toFixed(0)} a second`,
    )
  } finally {
    await Promise.all([load, ...cases.map(({ server }) => server)].map((one) => one.stop()))
    await redis.stop()
    await postgresql.stop()
  }
}

const asCase = (title: string, server: MeasuredServer): Case => ({
  title,
  isOurs: title.startsWith('Latchkey'),
  server,
  p50Ms: [],
  p99Ms: [],
})

/** Requests a second of the slowest of ours, when it is kept busy: half of that is half load for none of the others. */
async function findCapacity(cases: readonly Case[], load: Worker, requests: number): Promise<number> {
  const capacities: number[] = []
  for (const { server, isOurs } of cases) {
    await load.ask({ ...server.ready, connections: 16, requests })
    const { requestsPerSecond } = (await load.ask({ ...server.ready, connections: 16, requests })) as Sight
    if (isOurs) capacities.push(requestsPerSecond)
  }
  return Math.min(...capacities)
}

interface Pace {
  requests: number
  requestsPerSecond: number
}

async function visit({ server, p50Ms, p99Ms }: Case, load: Worker, { requests, requestsPerSecond }: Pace) {
  const intervalMs = (connections / requestsPerSecond) * 1000
  const sight = (await load.ask({ ...server.ready, connections, requests, intervalMs })) as Sight
  p50Ms.push(sight.p50Ms)
  p99Ms.push(sight.p99Ms)
}

function describe(cases: readonly Case[], setup: string): Section {
  const [direct] = cases
  const addedTo = ({ p99Ms }: Case) => p99Ms.map((one, round) => one - (direct?.p99Ms[round] ?? Number.NaN))
  return {
    heading: 'Time added at half load',
    setup,
    head: ['', 'p50 ms', 'p99 ms', 'p99 added, ms', 'quartiles', 'target'],
    rows: cases.map((one) => [
      one.title,
      median(one.p50Ms).toFixed(2),
      median(one.p99Ms).toFixed(2),
      one === direct ? '' : median(addedTo(one)).toFixed(2),
      one === direct
        ? ''
        : `${quantile(addedTo(one), 0.25).toFixed(2)} to ${quantile(addedTo(one), 0.75).toFixed(2)}`,
      one.isOurs ? `≤ ${targetMs}` : '',
    ]),
    misses: cases.flatMap((one) =>
      findMiss(`${one.title}, p99 added in ms`, median(addedTo(one)), one.isOurs ? targetMs : undefined),
    ),
  }
}
