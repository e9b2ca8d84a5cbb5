import type { ServiceDocument } from '../../../schemas/service.js'
import type { CommandContext } from '../../context.js'
import { omitUndefined } from '../../omit-undefined.js'
import { administrate } from '../administration.js'
import { type Columns, printList } from '../lists.js'
import type { ListOptions } from '../options.js'

interface Filter extends ListOptions {
  group?: string
}

/** Prints all services, or those of a group. */
export function listServices(context: CommandContext, { group, ...options }: Filter): Promise<void> {
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
