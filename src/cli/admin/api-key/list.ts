import type { KeyStatus, OwnerKind } from '../../../schemas/enums.js'
import type { CommandContext } from '../../context.js'
import { omitUndefined } from '../../omit-undefined.js'
import { administrate } from '../administration.js'
import type { ListOptions } from '../options.js'
import { printKeys } from '../print-keys.js'

interface Filter extends ListOptions {
  owner?: string
  kind?: OwnerKind
  status?: KeyStatus
  group?: string
  search?: string
}

/** Prints the keys of everybody that pass the filter. */
export function listAnyKeys(
  context: CommandContext,
  { search, json, limit, ...filter }: Filter,
): Promise<void> {
  return administrate(context, null, (admin) =>
    printKeys(
      context.terminal,
      admin.apiKeys.list(omitUndefined({ ...filter, q: search })),
      omitUndefined({ json, limit }),
    ),
  )
}
