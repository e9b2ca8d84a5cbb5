import { requireConsent } from '../../confirm.js'
import type { CommandContext } from '../../context.js'
import { printJson } from '../../json.js'
import { print, printable, report } from '../../terminal.js'
import { administrate } from '../administration.js'
import type { JsonOption, YesOption } from '../options.js'

/** Revokes all keys of a person after consent, and prints their ids. */
export async function revokeKeysOf(
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
