import type { Command } from 'commander'
import type { CommandContext } from '../../context.js'
import { addWholeLimits } from '../limit-options.js'
import { addJsonOption, parseSubject } from '../options.js'

/** `latchkey admin owner …`: limits over the calls with all keys of somebody. */
export function addOwnerCommands(admin: Command, context: CommandContext): void {
  const owners = admin.command('owner').description('limits over all keys of a person or a server')
  const subject = ['<subject>', 'of the owner: what `admin api-key show` tells'] as const

  addJsonOption(owners.command('limits').description('the limits as they are now'))
    .argument(...subject, parseSubject)
    .action(async (subject, options) =>
      (await import('./limits.js')).showOwnerLimits(context, subject, options),
    )
  addJsonOption(addWholeLimits(owners.command('set-limits').description('set or lift all three of them')))
    .argument(...subject, parseSubject)
    .action(async (subject, options) =>
      (await import('./set-limits.js')).setOwnerLimits(context, subject, options),
    )
}
