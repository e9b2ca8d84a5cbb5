import type { CreateService } from '../../../schemas/service.js'
import type { CommandContext } from '../../context.js'
import { CommandFailed, exitCodes } from '../../exit-codes.js'
import { administrate } from '../administration.js'
import { reportChange } from '../changes.js'
import type { DescriptorOptions } from './descriptor-options.js'
import { readDescriptor } from './read-descriptor.js'

/** Puts a service behind the gateway. @throws CommandFailed when neither the argument nor the file holds an id */
export async function createService(
  context: CommandContext,
  id: string | undefined,
  options: DescriptorOptions,
): Promise<void> {
  const descriptor = await readDescriptor(context, id, options)
  if (descriptor.id === undefined) {
    throw new CommandFailed(exitCodes.usage, 'the service has no id: name one, or a --file that holds it')
  }
  // The service checks the descriptor, and names each fault of it.
  const wanted = { name: descriptor.id, ...descriptor } as CreateService
  const made = await administrate(context, null, (admin) => admin.services.create(wanted))
  reportChange(context.terminal, `The service ${made.id} is at ${made.prefix} of the gateway.`, made, options)
}
