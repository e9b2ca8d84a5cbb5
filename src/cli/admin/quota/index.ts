import type { Command } from 'commander'
import type { CommandContext } from '../../context.js'
import { printJson } from '../../json.js'
import { requireKeyId } from '../../key-id.js'
import { print, report } from '../../terminal.js'
import { administrate } from '../administration.js'
import { addJsonOption, type JsonOption } from '../options.js'

/** `latchkey admin quota …`: what a key has used of its limits. */
export function addQuotaCommands(admin: Command, context: CommandContext): void {
  const quotas = admin.command('quota').description('what an API key has used of its limits')

  addJsonOption(quotas.command('show').description('the counters now, of the key and of its owner'))
    .argument('<key>', 'its id')
    .action((key: string, options: JsonOption) => show(context, key, options))
  quotas
    .command('reset')
    .description('begin the counters of the key anew; those of its owner go on')
    .argument('<key>', 'its id')
    .action((key: string) => reset(context, key))
}

async function show(context: CommandContext, key: string, { json }: JsonOption): Promise<void> {
  const { terminal } = context
  const id = requireKeyId(key)
  const answer = await administrate(context, `API key ${id}`, (admin) => admin.apiKeys.quotas(id))
  if (json) return printJson(terminal, answer)
  if (answer.quotas.length === 0)
    return report(terminal, `Neither the API key ${id} nor its owner has limits.`)
  const { formatTime, renderTable } = await import('../../table.js')
  const rows = answer.quotas.map((quota) => [
    ...[quota.party, quota.per, String(quota.limit), String(quota.used), String(quota.remaining)],
    formatTime(quota.resets_at),
  ])
  print(terminal, renderTable(titles, rows, terminal))
}

const titles = ['Whose', 'Per', 'Limit', 'Used', 'Remaining', 'Anew at (UTC)'].map((title) => ({ title }))

async function reset(context: CommandContext, key: string): Promise<void> {
  const id = requireKeyId(key)
  await administrate(context, `API key ${id}`, (admin) => admin.apiKeys.resetQuotas(id))
  report(context.terminal, `The counters of the API key ${id} begin anew.`)
}
