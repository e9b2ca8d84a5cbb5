import type { CommandContext } from '../../context.js'
import { chooseKey, type KeyChoice } from '../../key-id.js'
import { report } from '../../terminal.js'
import { administrate } from '../administration.js'
import type { YesOption } from '../options.js'
import { requireConsentFor } from './consent.js'

/** Removes a key of anyone for good, after consent. */
export async function deleteAnyKey(context: CommandContext, options: KeyChoice & YesOption): Promise<void> {
  const { terminal } = context
  const id = await chooseKey(options, terminal)
  await requireConsentFor('Delete', id, context, options)
  await administrate(context, `API key ${id}`, (admin) => admin.apiKeys.delete(id))
  report(terminal, `The key ${id} is deleted.`)
}
