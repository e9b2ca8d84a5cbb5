import type { Bar } from './section.js'

const [width, labelWidth, rightMargin] = [900, 420, 60]
const [top, rowHeight, barHeight, bottom] = [64, 26, 14, 40]
const plotWidth = width - labelWidth - rightMargin

/** Bars of CPU ratios on a logarithmic scale that begins at 1, the bare route; readable on light and dark pages. */
export function renderPlot(bars: readonly Bar[]): string {
  const greatest = Math.max(...bars.map(({ value }) => value), 10)
  const decades = Math.log10(greatest)
  const xOf = (value: number) => labelWidth + (Math.log10(Math.max(value, 1)) / decades) * plotWidth
  const plotBottom = top + bars.length * rowHeight
  const height = plotBottom + bottom
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="title">
<title id="title">CPU time per request in units of a bare Fastify route, logarithmic: ${bars.map(asWords).join('; ')}</title>
<style>
  text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328 }
  .page { fill: #ffffff; stroke: #d1d9e0 }
  .heading { font-size: 15px; font-weight: 600 }
  .faint { fill: #59636e }
  .grid { stroke: #d1d9e0 }
  .other { fill: #8c959f }
  .ours { fill: #0969da }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc }
    .page { fill: #0d1117; stroke: #3d444d }
    .faint { fill: #9198a1 }
    .grid { stroke: #3d444d }
    .other { fill: #656c76 }
    .ours { fill: #4493f8 }
  }
</style>
<rect class="page" x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="6"/>
<text class="heading" x="20" y="28">CPU time per request, a bare Fastify route = 1</text>
<text class="faint" x="20" y="47">logarithmic; shorter is better</text>
${ticksUpTo(greatest)
  .map((tick) => renderTick(tick, xOf(tick), plotBottom))
  .join('\n')}
${bars.map((bar, row) => renderBar(bar, top + row * rowHeight, xOf(bar.value))).join('\n')}
</svg>
`
}

function renderTick(value: number, x: number, plotBottom: number): string {
  const at = x.toFixed(1)
  return `<line class="grid" x1="${at}" y1="${top - 6}" x2="${at}" y2="${plotBottom + 4}"/>
<text class="faint" x="${at}" y="${plotBottom + 22}" text-anchor="middle">${value}</text>`
}

function renderBar({ label, value, isOurs }: Bar, y: number, end: number): string {
  // A bar of the base itself would have no length at all.
  const length = Math.max(end - labelWidth, 2)
  const baseline = y + barHeight - 2
  return `<text x="${labelWidth - 10}" y="${baseline}" text-anchor="end">${escapeMarkup(withoutMarks(label))}</text>
<rect class="${isOurs ? 'ours' : 'other'}" x="${labelWidth}" y="${y}" width="${length.toFixed(1)}" height="${barHeight}" rx="2"/>
<text x="${(labelWidth + length + 6).toFixed(1)}" y="${baseline}">${asRatio(value)}</text>`
}

const ticksUpTo = (greatest: number) =>
  [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000].filter((tick) => tick <= greatest)

const asWords = ({ label, value }: Bar) => escapeMarkup(`${withoutMarks(label)} ${asRatio(value)}`)
const asRatio = (value: number) => (value < 10 ? value.toFixed(2) : value.toFixed(0))
const withoutMarks = (label: string) => label.replaceAll('`', '')
const escapeMarkup = (text: string) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
