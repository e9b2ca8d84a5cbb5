import type { ApiKeyDocument } from '../../client/index.js'
import type { KeyStatus } from '../../schemas/key.js'
import type { CommandContext } from '../context.js'
import { printJson } from '../json.js'
import { flatten, formatTime, renderTable } from '../table.js'
import { print, report } from '../terminal.js'

export interface ListOptions {
  readonly all?: boolean
  readonly status?: KeyStatus
  readonly json?: boolean
}

/** Prints the caller's keys, the oldest first, so that the newest stands beside the prompt. */
export async function listKeys(context: CommandContext, { all, status, json }: ListOptions): Promise<void> {
  const { terminal } = context
  const client = await context.connect()
  const keys: ApiKeyDocument[] = []
  for await (const key of client.apiKeys.list({ status })) {
    if (all || status !== undefined || key.status !== 'revoked') keys.push(key)
  }
  keys.reverse()
  if (json) return printJson(terminal, keys)
  if (keys.length === 0) return report(terminal, 'There are no such keys. Make one: latchkey api-key create')
  print(terminal, renderTable(columns, keys.map(asRow), terminal))
}

const columns = [
  { title: 'First 8' },
  { title: 'Expires at (UTC)' },
  { title: 'Latest activity' },
  { title: 'Note', canShrink: true },
  { title: 'Scopes', canShrink: true },
  { title: 'Status' },
]

const asRow = (key: ApiKeyDocument): string[] => [
  key.id,
  formatTime(key.expires_at),
  formatTime(key.usage.last_used_at),
  describePurpose(key),
  key.scopes.join(' '),
  key.status,
]

/** What the key is recognised by: its name, and its note where the one was not made of the other. */
function describePurpose({ name, note }: ApiKeyDocument): string {
  const purpose = flatten(note)
  if (name.startsWith(purpose)) return name
  return purpose.startsWith(name) ? purpose : `${name}: ${purpose}`
}
