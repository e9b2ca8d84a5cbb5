import type { Command } from 'commander'
import type { GroupDocument, UpdateGroup } from '../../../schemas/service.js'
import { requireConsent } from '../../confirm.js'
import type { CommandContext } from '../../context.js'
import { omitUndefined } from '../../omit-undefined.js'
import { report } from '../../terminal.js'
import { administrate } from '../administration.js'
import { reportChange, requireChange } from '../changes.js'
import { printDocument } from '../documents.js'
import {
  addLimitChanges,
  addLimitOptions,
  formatLimit,
  type LimitOptions,
  readLimits,
} from '../limit-options.js'
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

interface GroupOptions extends LimitOptions, JsonOption {
  name?: string
  description?: string
}

/** `latchkey admin group …`: services that keys are authorised on, and limited, together. */
export function addGroupCommands(admin: Command, context: CommandContext): void {
  const groups = admin.command('group').description('service groups: what keys are authorised on')

  addListOptions(groups.command('list').description('all groups, the newest first')).action(
    (options: ListOptions) => list(context, options),
  )
  addJsonOption(groups.command('show').description('one group'))
    .argument('<id>', 'of the group', parseRegistryId)
    .action((id: string, options: JsonOption) => show(context, id, options))
  addJsonOption(addLimitOptions(addNames(groups.command('create'))))
    .description('make a group, for ever named by its id')
    .argument('<id>', 'small letters, digits and hyphens', parseRegistryId)
    .action((id: string, options: GroupOptions) => create(context, id, options))
  addJsonOption(addLimitChanges(addNames(groups.command('update'))))
    .description('change what is named, and nothing else')
    .argument('<id>', 'of the group', parseRegistryId)
    .action((id: string, options: GroupOptions) => update(context, id, options))
  addYesOption(groups.command('delete').description('remove a group that nothing refers to'))
    .argument('<id>', 'of the group', parseRegistryId)
    .action((id: string, options: YesOption) => remove(context, id, options))
}

const addNames = (command: Command): Command =>
  command.option('--name <name>', 'for people').option('--description <text>', 'for people')

function list(context: CommandContext, options: ListOptions): Promise<void> {
  return administrate(context, null, (admin) =>
    printList(context.terminal, admin.groups.list(), columns, options),
  )
}

const columns: Columns<GroupDocument> = [
  { title: 'Id', cell: ({ id }) => id },
  { title: 'Name', cell: ({ name }) => name },
  { title: 'Per second', cell: ({ limits }) => formatLimit(limits.per_second) },
  { title: 'Per day', cell: ({ limits }) => formatLimit(limits.per_day) },
  { title: 'Per month', cell: ({ limits }) => formatLimit(limits.per_month) },
  { title: 'From', cell: ({ origin }) => origin },
]

async function show(context: CommandContext, id: string, options: JsonOption): Promise<void> {
  const group = await administrate(context, `group ${id}`, (admin) => admin.groups.show(id))
  await printDocument(context.terminal, group, options)
}

async function create(context: CommandContext, id: string, options: GroupOptions): Promise<void> {
  // What people call it may be told later; until then its id serves.
  const group = { id, name: options.name ?? id, ...readChange(options) }
  const made = await administrate(context, null, (admin) => admin.groups.create(group))
  reportChange(context.terminal, `The group ${id} is made.`, made, options)
}

async function update(context: CommandContext, id: string, options: GroupOptions): Promise<void> {
  const change = readChange(options)
  requireChange(change)
  const group = await administrate(context, `group ${id}`, (admin) => admin.groups.update(id, change))
  reportChange(context.terminal, `The group ${id} is changed.`, group, options)
}

async function remove(context: CommandContext, id: string, options: YesOption): Promise<void> {
  await requireConsent(`Delete the group ${id}?`, context.terminal, options)
  await administrate(context, `group ${id}`, (admin) => admin.groups.delete(id))
  report(context.terminal, `The group ${id} is deleted.`)
}

const readChange = ({ name, description, ...options }: GroupOptions): UpdateGroup =>
  omitUndefined({ name, description, limits: readLimits(options) })
