import { printJson } from '../json.js'
import { print, report, type Terminal } from '../terminal.js'
import { readProfiles } from './profiles.js'

/** Prints all profiles, by name. */
export async function listProfiles(terminal: Terminal, { json }: { json?: boolean }): Promise<void> {
  const { inUse, profiles } = await readProfiles(terminal)
  const rows = [...profiles]
    .map(([name, { url }]) => ({ name, url, inUse: name === inUse }))
    .sort((one, other) => (one.name < other.name ? -1 : 1))
  if (json) return printJson(terminal, rows)
  const width = Math.max(0, ...rows.map(({ name }) => name.length))
  for (const row of rows) print(terminal, `${row.inUse ? '*' : ' '} ${row.name.padEnd(width)}  ${row.url}`)
  if (rows.length === 0) report(terminal, 'There is no profile yet: latchkey profile create <url>')
}
