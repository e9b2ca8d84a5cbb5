import { createDatabase, type Postgresql, startPostgresql } from '../../test/e2e/support/postgresql.js'
import { type Service, startService } from '../../test/e2e/support/service.js'
import { type Measurements, measureRounds, seriesOf } from '../rounds.js'
import { findMiss, type RunOptions, type Section } from '../section.js'
import { median, pairedRatios, quantile } from '../statistics.js'
import { copyEmbedded } from '../stores.js'
import { base, type Variant, variants } from '../variants/index.js'

/** What variants need beside their own process. */
interface Surroundings {
  postgresql: Postgresql
  latchkey: Service
}

/** Stored in the Latchkey that other services ask. */
const storedKeys = 100

/** What the hook costs on a route, beside what others use instead. */
export async function measureHook({ blocks, rounds, requests }: RunOptions): Promise<Section> {
  const postgresql = await startPostgresql()
  const latchkey = await startService({ env: { DATA_DIR: await copyEmbedded(storedKeys) } })
  try {
    const competitors = await Promise.all(
      variants.map(async ({ name, share = 1, needs }) => {
        const parameters = await findParameters(needs, { postgresql, latchkey })
        return { name, share, server: { variant: name, parameters } }
      }),
    )
    const plan = { blocks, rounds, requests, firstWarmUp: 40_000, warmUp: 500 }
    const measurements = await measureRounds(competitors, plan)
    return describe(measurements, `${blocks} blocks of ${rounds} rounds of ${requests} requests`)
  } finally {
    await latchkey.stop()
    await postgresql.stop()
  }
}

async function findParameters(needs: Variant['needs'], { postgresql, latchkey }: Surroundings) {
  switch (needs) {
    case undefined:
      return []
    case 'postgresql':
      return [await createDatabase(postgresql)]
    case 'latchkey':
      return [latchkey.url, String(storedKeys)]
    default:
      return needs satisfies never
  }
}

function describe(measurements: Measurements, setup: string): Section {
  const ratioOf = (variant: Variant) => median(ratiosOf(variant, measurements))
  return {
    heading: 'The hook',
    setup,
    head: ['', 'CPU ratio', 'quartiles', 'target', 'CPU µs', 'req/s', 'p50 ms', 'p99 ms'],
    rows: variants.map((variant) => describeVariant(variant, measurements)),
    misses: variants.flatMap((variant) => findMiss(variant.title, ratioOf(variant), variant.target)),
    bars: variants.map((variant) => ({
      label: variant.title,
      value: ratioOf(variant),
      isOurs: variant.title.startsWith('Latchkey'),
    })),
  }
}

function describeVariant(variant: Variant, measurements: Measurements): string[] {
  const { cpuMicros, requestsPerSecond, p50Ms, p99Ms } = seriesOf(variant.name, measurements)
  const ratios = ratiosOf(variant, measurements)
  return [
    variant.title,
    median(ratios).toFixed(2),
    `${quantile(ratios, 0.25).toFixed(2)}-${quantile(ratios, 0.75).toFixed(2)}`,
    variant.target === undefined ? '' : `≤ ${variant.target}`,
    median(cpuMicros).toFixed(1),
    median(requestsPerSecond).toFixed(0),
    median(p50Ms).toFixed(2),
    median(p99Ms).toFixed(2),
  ]
}

function ratiosOf(variant: Variant, measurements: Measurements): number[] {
  return pairedRatios(seriesOf(variant.name, measurements).cpuMicros, seriesOf(base, measurements).cpuMicros)
}
