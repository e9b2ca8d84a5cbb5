import type { ChangeAnyKey } from '../../../schemas/admin.js'
import type { ApiKeyDocument } from '../../../schemas/key.js'
import type { CommandContext } from '../../context.js'
import { chooseKey, type KeyChoice } from '../../key-id.js'
import { administrate } from '../administration.js'
import { reportChange } from '../changes.js'
import { describeKey } from '../describe-key.js'
import type { JsonOption } from '../options.js'

export interface ChangeOptions extends KeyChoice, JsonOption {}

/** Sends a change of one key, and reports it. @param outcome the end of the sentence that begins with the key */
export async function changeAnyKey(
  context: CommandContext,
  options: ChangeOptions,
  { change, outcome }: { change: ChangeAnyKey; outcome: string },
): Promise<void> {
  const { terminal } = context
  const id = await chooseKey(options, terminal)
  const changed = await administrate(context, `API key ${id}`, (admin) => admin.apiKeys.update(id, change))
  const sentence = `The ${describeKey(changed)}, ${outcome}${describeHindrance(changed)}.`
  reportChange(terminal, sentence, changed, options)
}

/** Why an enabled key does not work; empty where it works or is disabled. */
export const describeHindrance = ({ status, enabled }: ApiKeyDocument): string =>
  status === 'active' || !enabled ? '' : `, but its status is: ${status}`
