import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { projectFolder } from '../test/e2e/support/folders.js'
import { renderPlot } from './plot.js'
import { renderTable, type Section } from './section.js'

/** The newest measurement of each part, by its name. */
export type Results = Record<string, Section>

const folder = join(projectFolder, 'bench')

/**
 * Keeps what was measured now, in the place of what was measured of the same parts before, and writes it all again.
 * @param name of the files, without their ends
 */
export function writeResults(measured: Results, order: readonly string[], name: string): void {
  const resultsFile = join(folder, `${name}.json`)
  const earlier: Results = existsSync(resultsFile) ? JSON.parse(readFileSync(resultsFile, 'utf8')) : {}
  const all = { ...earlier, ...measured }
  const sections = order.flatMap((name) => all[name] ?? [])
  writeFileSync(resultsFile, `${JSON.stringify(all, null, 2)}\n`)
  const text = `# Results\n\nHow to read them: README.md.\n${sections.map(renderSection).join('')}`
  writeFileSync(join(folder, `${name}.md`), text)
  const bars = sections.flatMap((section) => section.bars ?? [])
  if (bars.length > 0) writeFileSync(join(folder, `${name}.svg`), renderPlot(bars))
}

/** A part as it stands in `results.md`. */
export const renderSection = (section: Section) =>
  `\n## ${section.heading}\n\n${section.setup}\n\n${renderTable(section)}`
