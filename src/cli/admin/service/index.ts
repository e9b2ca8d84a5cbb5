import type { Command } from 'commander'
import type { CommandContext } from '../../context.js'
import { addJsonOption, addListOptions, addYesOption, parseRegistryId } from '../options.js'
import { addDescriptorOptions } from './descriptor-options.js'

/** `latchkey admin service …`: what stands behind the gateway. */
export function addServiceCommands(admin: Command, context: CommandContext): void {
  const services = admin.command('service').description('services behind the gateway')

  addListOptions(services.command('list').description('all services, the newest first'))
    .option('--group <id>', 'those of this group', parseRegistryId)
    .action(async (options) => (await import('./list.js')).listServices(context, options))
  addJsonOption(services.command('show').description('one service'))
    .argument('<id>', 'of the service', parseRegistryId)
    .action(async (id, options) => (await import('./show.js')).showService(context, id, options))
  addDescriptorOptions(services.command('create').description('put a service behind the gateway at once'))
    .argument('[id]', 'small letters, digits and hyphens; a file may hold it', parseRegistryId)
    .action(async (id, options) => (await import('./create.js')).createService(context, id, options))
  addDescriptorOptions(services.command('update').description('change what is named, and nothing else'))
    .argument('<id>', 'of the service', parseRegistryId)
    .action(async (id, options) => (await import('./update.js')).updateService(context, id, options))
  for (const { verb, enabled, description } of switches) {
    addJsonOption(services.command(verb).description(description))
      .argument('<id>', 'of the service', parseRegistryId)
      .action(async (id, options) =>
        (await import('./set-enabled.js')).setServiceEnabled(context, { id, enabled }, options),
      )
  }
  addYesOption(services.command('delete').description('remove a service that no key refers to'))
    .argument('<id>', 'of the service', parseRegistryId)
    .action(async (id, options) => (await import('./delete.js')).deleteService(context, id, options))
}

const switches = [
  { verb: 'enable', enabled: true, description: 'let the gateway serve it again' },
  { verb: 'disable', enabled: false, description: 'take it away from the gateway: 404 there' },
]
