import { requireConsent } from '../../confirm.js'
import type { CommandContext } from '../../context.js'
import { printJson } from '../../json.js'
import { requireKeyId } from '../../key-id.js'
import { print, printable, report } from '../../terminal.js'
import { administrate } from '../administration.js'
import type { JsonOption, YesOption } from '../options.js'

/** Revokes several keys of anyone after consent, all of them or none, and prints the ids of those that this changed. */
export async function revokeManyKeys(
  context: CommandContext,
  keys: readonly string[],
  options: YesOption & JsonOption,
): Promise<void> {
  const { terminal } = context
  const ids = [...new Set(keys.map(requireKeyId))]
  await requireConsent(`Revoke ${describeCount(ids)}? Their owners cannot renew them.`, terminal, options)
  const answer = await administrate(context, null, (admin) => admin.apiKeys.revokeMany(ids))
  report(terminal, `Revoked ${describeCount(answer.revoked)}.`)
  if (options.json) printJson(terminal, answer)
  else for (const id of answer.revoked) print(terminal, printable(id))
}

const describeCount = ({ length }: readonly string[]) => `${length} API ${length === 1 ? 'key' : 'keys'}`
