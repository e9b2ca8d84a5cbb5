import type { CommandContext } from '../../context.js'
import { administrate } from '../administration.js'
import { reportChange } from '../changes.js'
import { type GroupOptions, readChange } from './read-change.js'

/** Makes a group. Its name is its id unless another one is given. */
export async function createGroup(context: CommandContext, id: string, options: GroupOptions): Promise<void> {
  const group = { id, name: options.name ?? id, ...readChange(options) }
  const made = await administrate(context, null, (admin) => admin.groups.create(group))
  reportChange(context.terminal, `The group ${id} is made.`, made, options)
}
