import { median, pairedRatios, quantile } from './statistics.js'
import { base, type Variant, variants } from './variants/index.js'

/** What was measured of a variant, a value for each round. */
export interface Series {
  cpuMicros: number[]
  requestsPerSecond: number[]
  p50Ms: number[]
  p99Ms: number[]
}

export const emptySeries = (): Series => ({ cpuMicros: [], requestsPerSecond: [], p50Ms: [], p99Ms: [] })

export type Measurements = ReadonlyMap<string, Series>

/** The result as a table in Markdown, in the order of the variants. */
export function renderTable(measurements: Measurements): string {
  const head = ['', 'CPU ratio', 'quartiles', 'target', 'CPU µs', 'req/s', 'p50 ms', 'p99 ms']
  const rows = variants.map((variant) => renderRow(variant, measurements))
  const rule = head.map((_title, column) => (column === 0 ? '---' : '---:'))
  return [head, rule, ...rows].map((cells) => `| ${cells.join(' | ')} |\n`).join('')
}

/** The targets that were missed, a sentence each. */
export function findMisses(measurements: Measurements): string[] {
  return variants.flatMap((variant) => {
    const ratio = median(ratiosOf(variant, measurements))
    const isMissed = variant.target !== undefined && ratio > variant.target
    return isMissed ? [`${variant.title}: ${ratio.toFixed(3)}, at most ${variant.target} is wanted`] : []
  })
}

function renderRow(variant: Variant, measurements: Measurements): string[] {
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

function seriesOf(name: string, measurements: Measurements): Series {
  const series = measurements.get(name)
  if (series === undefined) throw new Error(`${name} was not measured`)
  return series
}
