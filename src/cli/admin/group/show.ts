import type { CommandContext } from '../../context.js'
import { administrate } from '../administration.js'
import { printDocument } from '../documents.js'
import type { JsonOption } from '../options.js'

/** Prints one group. */
export async function showGroup(context: CommandContext, id: string, options: JsonOption): Promise<void> {
  const group = await administrate(context, `group ${id}`, (admin) => admin.groups.show(id))
  printDocument(context.terminal, group, options)
}
