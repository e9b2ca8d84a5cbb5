import type { CommandContext } from '../context.js'
import { printJson } from '../json.js'
import { renderTable } from '../table.js'
import { print } from '../terminal.js'

/** Prints the rights that the caller may give a key, and what they mean where the operator told it. */
export async function listScopes(context: CommandContext, { json }: { json?: boolean }): Promise<void> {
  const { terminal } = context
  const client = await context.connect()
  const scopes = await client.scopes()
  if (json) return printJson(terminal, scopes)
  const rows = scopes.map(({ scope, description }) => [scope, description ?? '-'])
  print(terminal, renderTable(columns, rows, terminal))
}

const columns = [{ title: 'Scope' }, { title: 'Description', canShrink: true }]
