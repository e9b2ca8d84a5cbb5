import { startPostgresql } from '../../test/e2e/support/postgresql.js'
import { startRedis } from '../programs/redis.js'
import { type Competitor, type Measurements, measureRounds, seriesOf, startVariant } from '../rounds.js'
import { findMiss, type RunOptions, type Section } from '../section.js'
import { median, pairedRatios, quantile } from '../statistics.js'
import { type GatewayVariant, gatewayBase, gatewayVariants, type Surroundings } from '../variants/gateways.js'

const direct: Pick<GatewayVariant, 'name' | 'title' | 'target'> = {
  name: 'direct',
  title: 'the upstream itself',
}

/** What the gateway costs, beside what people put there without a check. */
export async function measureGatewayCpu({ blocks, rounds, requests }: RunOptions): Promise<Section> {
  const [redis, postgresql] = [await startRedis(), await startPostgresql()]
  const upstream = await startVariant('upstream')
  try {
    const surroundings = { upstream: `http://127.0.0.1:${upstream.ready.port}`, redis, postgresql }
    const itself: Competitor = {
      name: direct.name,
      // It serves all blocks, since everybody's requests end there.
      server: { open: async () => ({ ...upstream, stop: async () => {} }) },
    }
    const competitors = [itself, ...gatewayVariants.map((variant) => asCompetitor(variant, surroundings))]
    const plan = { blocks, rounds, requests, firstWarmUp: requests, warmUp: 500 }
    const measurements = await measureRounds(competitors, plan)
    return describe(measurements, `${blocks} blocks of ${rounds} rounds of ${requests} requests`)
  } finally {
    await upstream.stop()
    await redis.stop()
    await postgresql.stop()
  }
}

const asCompetitor = ({ name, usesRedis, open }: GatewayVariant, surroundings: Surroundings): Competitor => ({
  name,
  server: {
    open: () => open(surroundings),
    ...(usesRedis ? { readDatabaseCpu: surroundings.redis.readCpu } : {}),
  },
})

function describe(measurements: Measurements, setup: string): Section {
  const rows = [direct, ...gatewayVariants]
  return {
    heading: 'The gateway',
    setup,
    head: ['', 'CPU ratio', 'quartiles', 'target', 'CPU µs', 'Redis µs', 'req/s', 'p50 ms', 'p99 ms'],
    rows: rows.map((variant) => describeVariant(variant, measurements)),
    misses: gatewayVariants.flatMap(({ name, title, target }) =>
      findMiss(title, median(ratiosOf(name, measurements)), target),
    ),
  }
}

function describeVariant({ name, title, target }: typeof direct, measurements: Measurements): string[] {
  const { cpuMicros, databaseCpuMicros, requestsPerSecond, p50Ms, p99Ms } = seriesOf(name, measurements)
  const ratios = ratiosOf(name, measurements)
  const redisMicros = median(databaseCpuMicros)
  return [
    title,
    median(ratios).toFixed(2),
    `${quantile(ratios, 0.25).toFixed(2)}-${quantile(ratios, 0.75).toFixed(2)}`,
    target === undefined ? '' : `≤ ${target}`,
    median(cpuMicros).toFixed(1),
    redisMicros > 0 ? redisMicros.toFixed(1) : '',
    median(requestsPerSecond).toFixed(0),
    median(p50Ms).toFixed(2),
    median(p99Ms).toFixed(2),
  ]
}

const ratiosOf = (name: string, measurements: Measurements) =>
  pairedRatios(seriesOf(name, measurements).cpuMicros, seriesOf(gatewayBase, measurements).cpuMicros)
