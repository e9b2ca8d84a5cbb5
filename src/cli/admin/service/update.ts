import type { CommandContext } from '../../context.js'
import { administrate } from '../administration.js'
import { reportChange, requireChange } from '../changes.js'
import type { DescriptorOptions } from './descriptor-options.js'
import { readDescriptor } from './read-descriptor.js'

/** Changes only the members of a service that are given. @throws CommandFailed when none is */
export async function updateService(
  context: CommandContext,
  id: string,
  options: DescriptorOptions,
): Promise<void> {
  const { id: _, ...change } = await readDescriptor(context, id, options)
  requireChange(change)
  const service = await administrate(context, `service ${id}`, (admin) => admin.services.update(id, change))
  reportChange(context.terminal, `The service ${id} is changed.`, service, options)
}
