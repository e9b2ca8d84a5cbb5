import { requireConsent } from '../../confirm.js'
import type { CommandContext } from '../../context.js'
import { printable } from '../../terminal.js'
import { administrate } from '../administration.js'
import { describeKey } from '../describe-key.js'
import type { YesOption } from '../options.js'

/** Asks before an act on a key. @throws CommandFailed as `requireConsent` */
export async function requireConsentFor(
  verb: string,
  id: string,
  context: CommandContext,
  options: YesOption,
): Promise<void> {
  const { terminal } = context
  // People recognise a key by its name and its owner. These are fetched only where the question is shown.
  const isAsked = options.yes !== true && terminal.stdin.isTTY === true
  const key = isAsked ? await administrate(context, `API key ${id}`, (admin) => admin.apiKeys.show(id)) : null
  const which = key === null ? `key ${id}` : describeKey(key)
  await requireConsent(printable(`${verb} the ${which}?`), terminal, options)
}
