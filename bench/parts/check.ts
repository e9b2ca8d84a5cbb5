import { type Postgresql, startPostgresql } from '../../test/e2e/support/postgresql.js'
import { readCpuMicros } from '../programs/gateway.js'
import { type BenchService, createKey, startEmbedded, startOnPostgresql } from '../programs/service.js'
import { asPost } from '../requests.js'
import { type Competitor, type MeasuredServer, measureRounds, seriesOf } from '../rounds.js'
import { findMiss, type RunOptions, type Section } from '../section.js'
import { median, pairedRatios, quantile } from '../statistics.js'

interface Row {
  name: string
  title: string
  /** CPU time per request in units of the base's, at most. */
  target?: number
}

const base: Row = { name: 'bare', title: 'bare route' }
const rows: readonly Row[] = [
  base,
  { name: 'embedded', title: '`POST /api-keys/verify`, embedded', target: 3 },
  { name: 'postgresql', title: '`POST /api-keys/verify`, PostgreSQL', target: 3 },
]

/** What the built service takes for a question about a key, beside a bare Fastify route. */
export async function measureCheck({ blocks, rounds, requests }: RunOptions): Promise<Section> {
  const postgresql = await startPostgresql()
  try {
    const competitors: Competitor[] = [
      { name: base.name, server: { variant: base.name } },
      { name: 'embedded', server: { open: async () => ask(await startEmbedded()) } },
      { name: 'postgresql', server: { open: () => askOn(postgresql) } },
    ]
    const plan = { blocks, rounds, requests, firstWarmUp: requests, warmUp: 500 }
    const measurements = await measureRounds(competitors, plan)
    const seriesOfRow = ({ name }: Row) => seriesOf(name, measurements)
    const ratiosOf = (row: Row) => pairedRatios(seriesOfRow(row).cpuMicros, seriesOfRow(base).cpuMicros)
    return {
      heading: 'The check',
      setup: `${blocks} blocks of ${rounds} rounds of ${requests} requests`,
      head: ['', 'CPU ratio', 'quartiles', 'target', 'CPU µs', 'req/s', 'p50 ms', 'p99 ms'],
      rows: rows.map((row) => {
        const [ratios, series] = [ratiosOf(row), seriesOfRow(row)]
        return [
          row.title,
          median(ratios).toFixed(2),
          `${quantile(ratios, 0.25).toFixed(2)}-${quantile(ratios, 0.75).toFixed(2)}`,
          row.target === undefined ? '' : `≤ ${row.target}`,
          median(series.cpuMicros).toFixed(1),
          median(series.requestsPerSecond).toFixed(0),
          median(series.p50Ms).toFixed(2),
          median(series.p99Ms).toFixed(2),
        ]
      }),
      misses: rows.flatMap((row) => findMiss(row.title, median(ratiosOf(row)), row.target)),
    }
  } finally {
    await postgresql.stop()
  }
}

const askOn = async (postgresql: Postgresql) => ask(await startOnPostgresql(postgresql))

async function ask(bench: BenchService): Promise<MeasuredServer> {
  const { value } = await createKey(bench)
  const { port, pid } = bench.service
  return {
    ready: { port, request: asPost(port, '/api-keys/verify', { value }), status: 200 },
    readCpuMicros: async () => readCpuMicros(pid),
    rest: async () => {},
    stop: bench.stop,
  }
}
