import type { GroupDocument } from '../../../schemas/service.js'
import type { CommandContext } from '../../context.js'
import { administrate } from '../administration.js'
import { type Columns, printList } from '../lists.js'
import type { ListOptions } from '../options.js'

/** Prints all groups. */
export function listGroups(context: CommandContext, options: ListOptions): Promise<void> {
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

const formatLimit = (limit: number | null): string => (limit === null ? '-' : String(limit))
