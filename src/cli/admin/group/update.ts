import type { CommandContext } from '../../context.js'
import { administrate } from '../administration.js'
import { reportChange, requireChange } from '../changes.js'
import { type GroupOptions, readChange } from './read-change.js'

/** Changes only the members of a group that are given. @throws CommandFailed when none is */
export async function updateGroup(context: CommandContext, id: string, options: GroupOptions): Promise<void> {
  const change = readChange(options)
  requireChange(change)
  const group = await administrate(context, `group ${id}`, (admin) => admin.groups.update(id, change))
  reportChange(context.terminal, `The group ${id} is changed.`, group, options)
}
