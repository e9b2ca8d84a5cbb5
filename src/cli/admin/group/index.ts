import type { Command } from 'commander'
import type { CommandContext } from '../../context.js'
import { addLimitChanges, addLimitOptions } from '../limit-options.js'
import { addJsonOption, addListOptions, addYesOption, parseRegistryId } from '../options.js'

/** `latchkey admin group …`: services that keys are authorised on, and limited, together. */
export function addGroupCommands(admin: Command, context: CommandContext): void {
  const groups = admin.command('group').description('service groups: what keys are authorised on')

  addListOptions(groups.command('list').description('all groups, the newest first')).action(async (options) =>
    (await import('./list.js')).listGroups(context, options),
  )
  addJsonOption(groups.command('show').description('one group'))
    .argument('<id>', 'of the group', parseRegistryId)
    .action(async (id, options) => (await import('./show.js')).showGroup(context, id, options))
  addJsonOption(addLimitOptions(addNames(groups.command('create'))))
    .description('make a group, for ever named by its id')
    .argument('<id>', 'small letters, digits and hyphens', parseRegistryId)
    .action(async (id, options) => (await import('./create.js')).createGroup(context, id, options))
  addJsonOption(addLimitChanges(addNames(groups.command('update'))))
    .description('change what is named, and nothing else')
    .argument('<id>', 'of the group', parseRegistryId)
    .action(async (id, options) => (await import('./update.js')).updateGroup(context, id, options))
  addYesOption(groups.command('delete').description('remove a group that nothing refers to'))
    .argument('<id>', 'of the group', parseRegistryId)
    .action(async (id, options) => (await import('./delete.js')).deleteGroup(context, id, options))
}

const addNames = (command: Command): Command =>
  command.option('--name <name>', 'for people').option('--description <text>', 'for people')
