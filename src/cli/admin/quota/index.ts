import type { Command } from 'commander'
import type { CommandContext } from '../../context.js'
import { addJsonOption } from '../options.js'

/** `latchkey admin quota …`: what a key has used of its limits. */
export function addQuotaCommands(admin: Command, context: CommandContext): void {
  const quotas = admin.command('quota').description('what an API key has used of its limits')

  addJsonOption(quotas.command('show').description('the counters now, of the key and of its owner'))
    .argument('<key>', 'its id')
    .action(async (key, options) => (await import('./show.js')).showQuotas(context, key, options))
  quotas
    .command('reset')
    .description('begin the counters of the key anew; those of its owner go on')
    .argument('<key>', 'its id')
    .action(async (key) => (await import('./reset.js')).resetQuotas(context, key))
}
