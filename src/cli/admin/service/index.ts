import type { Command } from 'commander'
import type { CreateService, ServiceDocument } from '../../../schemas/service.js'
import { requireConsent } from '../../confirm.js'
import type { CommandContext } from '../../context.js'
import { CommandFailed, exitCodes } from '../../exit-codes.js'
import { omitUndefined } from '../../omit-undefined.js'
import { report } from '../../terminal.js'
import { administrate } from '../administration.js'
import { reportChange, requireChange } from '../changes.js'
import { printDocument } from '../documents.js'
import { type Columns, printList } from '../lists.js'
import {
  addJsonOption,
  addListOptions,
  addYesOption,
  type JsonOption,
  type ListOptions,
  parseRegistryId,
  type YesOption,
} from '../options.js'
import { addDescriptorOptions, type DescriptorOptions, readDescriptor } from './descriptor-options.js'

/** `latchkey admin service …`: what stands behind the gateway. */
export function addServiceCommands(admin: Command, context: CommandContext): void {
  const services = admin.command('service').description('services behind the gateway')

  addListOptions(services.command('list').description('all services, the newest first'))
    .option('--group <id>', 'those of this group', parseRegistryId)
    .action((options: ListOptions & { group?: string }) => list(context, options))
  addJsonOption(services.command('show').description('one service'))
    .argument('<id>', 'of the service', parseRegistryId)
    .action((id: string, options: JsonOption) => show(context, id, options))
  addDescriptorOptions(services.command('create').description('put a service behind the gateway at once'))
    .argument('[id]', 'small letters, digits and hyphens; a file may hold it', parseRegistryId)
    .action((id: string | undefined, options: DescriptorOptions) => create(context, id, options))
  addDescriptorOptions(services.command('update').description('change what is named, and nothing else'))
    .argument('<id>', 'of the service', parseRegistryId)
    .action((id: string, options: DescriptorOptions) => update(context, id, options))
  for (const { verb, enabled, description } of switches) {
    addJsonOption(services.command(verb).description(description))
      .argument('<id>', 'of the service', parseRegistryId)
      .action((id: string, options: JsonOption) => setEnabled(context, { id, enabled }, options))
  }
  addYesOption(services.command('delete').description('remove a service that no key refers to'))
    .argument('<id>', 'of the service', parseRegistryId)
    .action((id: string, options: YesOption) => remove(context, id, options))
}

const switches = [
  { verb: 'enable', enabled: true, description: 'let the gateway serve it again' },
  { verb: 'disable', enabled: false, description: 'take it away from the gateway: 404 there' },
]

function list(context: CommandContext, { group, ...options }: ListOptions & { group?: string }) {
  return administrate(context, null, (admin) =>
    printList(context.terminal, admin.services.list(omitUndefined({ group })), columns, options),
  )
}

const columns: Columns<ServiceDocument> = [
  { title: 'Id', cell: ({ id }) => id },
  { title: 'Group', cell: ({ group }) => group },
  { title: 'Prefix', cell: ({ prefix }) => prefix },
  { title: 'Target', cell: ({ target }) => target },
  { title: 'Scopes', cell: ({ access }) => access.scopes.join(' ') || '-' },
  { title: 'Enabled', cell: ({ enabled }) => (enabled ? 'yes' : 'no') },
  { title: 'From', cell: ({ origin }) => origin },
]

async function show(context: CommandContext, id: string, options: JsonOption): Promise<void> {
  const service = await administrate(context, `service ${id}`, (admin) => admin.services.show(id))
  await printDocument(context.terminal, service, options)
}

async function create(context: CommandContext, id: string | undefined, options: DescriptorOptions) {
  const descriptor = await readDescriptor(context, id, options)
  if (descriptor.id === undefined) {
    throw new CommandFailed(exitCodes.usage, 'the service has no id: name one, or a --file that holds it')
  }
  // The service knows best what a descriptor must be, and names each fault of this one.
  const wanted = { name: descriptor.id, ...descriptor } as CreateService
  const made = await administrate(context, null, (admin) => admin.services.create(wanted))
  reportChange(context.terminal, `The service ${made.id} is at ${made.prefix} of the gateway.`, made, options)
}

async function update(context: CommandContext, id: string, options: DescriptorOptions): Promise<void> {
  const { id: _, ...change } = await readDescriptor(context, id, options)
  requireChange(change)
  const service = await administrate(context, `service ${id}`, (admin) => admin.services.update(id, change))
  reportChange(context.terminal, `The service ${id} is changed.`, service, options)
}

async function setEnabled(
  context: CommandContext,
  { id, enabled }: { id: string; enabled: boolean },
  options: JsonOption,
): Promise<void> {
  const service = await administrate(context, `service ${id}`, (admin) =>
    admin.services.update(id, { enabled }),
  )
  reportChange(
    context.terminal,
    `The service ${id} is ${enabled ? 'enabled' : 'disabled'}.`,
    service,
    options,
  )
}

async function remove(context: CommandContext, id: string, options: YesOption): Promise<void> {
  await requireConsent(`Delete the service ${id}?`, context.terminal, options)
  await administrate(context, `service ${id}`, (admin) => admin.services.delete(id))
  report(context.terminal, `The service ${id} is deleted.`)
}
