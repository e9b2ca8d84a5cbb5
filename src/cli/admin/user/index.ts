import type { Command } from 'commander'
import type { CommandContext } from '../../context.js'
import { addJsonOption, addListOptions, addYesOption, parseSubject } from '../options.js'

/** `latchkey admin user …`: all keys of a person. */
export function addUserCommands(admin: Command, context: CommandContext): void {
  const users = admin.command('user').description('all keys of a person at once')
  const subject = ['<subject>', 'of the person: what `admin api-key show` tells of the owner'] as const

  addListOptions(users.command('api-keys').description('their keys, the newest last'))
    .argument(...subject, parseSubject)
    .action(async (subject, options) => (await import('./api-keys.js')).listKeysOf(context, subject, options))
  addYesOption(addJsonOption(users.command('revoke-all').description('end all their keys; print the ids')))
    .argument(...subject, parseSubject)
    .action(async (subject, options) =>
      (await import('./revoke-all.js')).revokeKeysOf(context, subject, options),
    )
}
