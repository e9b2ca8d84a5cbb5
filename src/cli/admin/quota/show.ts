import type { CommandContext } from '../../context.js'
import { printJson } from '../../json.js'
import { requireKeyId } from '../../key-id.js'
import { formatTime, renderTable } from '../../table.js'
import { print, report } from '../../terminal.js'
import { administrate } from '../administration.js'
import type { JsonOption } from '../options.js'

/** Prints the counters of a key and of its owner. */
export async function showQuotas(context: CommandContext, key: string, { json }: JsonOption): Promise<void> {
  const { terminal } = context
  const id = requireKeyId(key)
  const answer = await administrate(context, `API key ${id}`, (admin) => admin.apiKeys.quotas(id))
  if (json) return printJson(terminal, answer)
  if (answer.quotas.length === 0) {
    return report(terminal, `Neither the API key ${id} nor its owner has limits.`)
  }
  const rows = answer.quotas.map((quota) => [
    ...[quota.party, quota.per, String(quota.limit), String(quota.used), String(quota.remaining)],
    formatTime(quota.resets_at),
  ])
  print(terminal, renderTable(titles, rows, terminal))
}

const titles = ['Whose', 'Per', 'Limit', 'Used', 'Remaining', 'Anew at (UTC)'].map((title) => ({ title }))
