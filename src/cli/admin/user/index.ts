import type { Command } from 'commander'
import { requireConsent } from '../../confirm.js'
import type { CommandContext } from '../../context.js'
import { printJson } from '../../json.js'
import { print, printable, report } from '../../terminal.js'
import { administrate } from '../administration.js'
import {
  addJsonOption,
  addListOptions,
  addYesOption,
  type JsonOption,
  type ListOptions,
  parseSubject,
  type YesOption,
} from '../options.js'
import { printKeys } from '../print-keys.js'

/** `latchkey admin user …`: all keys of a person. */
export function addUserCommands(admin: Command, context: CommandContext): void {
  const users = admin.command('user').description('all keys of a person at once')
  const subject = ['<subject>', 'of the person: what `admin api-key show` tells of the owner'] as const

  addListOptions(users.command('api-keys').description('their keys, the newest last'))
    .argument(...subject, parseSubject)
    .action((subject: string, options: ListOptions) => list(context, subject, options))
  addYesOption(addJsonOption(users.command('revoke-all').description('end all their keys; print the ids')))
    .argument(...subject, parseSubject)
    .action((subject: string, options: YesOption & JsonOption) => revokeAll(context, subject, options))
}

function list(context: CommandContext, subject: string, options: ListOptions): Promise<void> {
  return administrate(context, `person ${subject} here`, (admin) =>
    printKeys(context.terminal, admin.users.apiKeys(subject), options),
  )
}

async function revokeAll(
  context: CommandContext,
  subject: string,
  options: YesOption & JsonOption,
): Promise<void> {
  const { terminal } = context
  await requireConsent(`Revoke all API keys of ${subject}? They cannot renew any of them.`, terminal, options)
  const answer = await administrate(context, `person ${subject} here`, (admin) =>
    admin.users.revokeApiKeys(subject),
  )
  const { length } = answer.revoked
  report(terminal, `Revoked ${length} API ${length === 1 ? 'key' : 'keys'} of ${subject}.`)
  if (options.json) printJson(terminal, answer)
  else for (const id of answer.revoked) print(terminal, printable(id))
}
