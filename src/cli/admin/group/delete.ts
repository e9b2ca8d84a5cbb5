import { requireConsent } from '../../confirm.js'
import type { CommandContext } from '../../context.js'
import { report } from '../../terminal.js'
import { administrate } from '../administration.js'
import type { YesOption } from '../options.js'

/** Removes a group after consent. */
export async function deleteGroup(context: CommandContext, id: string, options: YesOption): Promise<void> {
  await requireConsent(`Delete the group ${id}?`, context.terminal, options)
  await administrate(context, `group ${id}`, (admin) => admin.groups.delete(id))
  report(context.terminal, `The group ${id} is deleted.`)
}
