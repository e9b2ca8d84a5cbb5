import type { CommandContext } from '../../context.js'
import { administrate } from '../administration.js'
import type { ListOptions } from '../options.js'
import { printKeys } from '../print-keys.js'

/** Prints the keys of a person. */
export function listKeysOf(context: CommandContext, subject: string, options: ListOptions): Promise<void> {
  return administrate(context, `person ${subject} here`, (admin) =>
    printKeys(context.terminal, admin.users.apiKeys(subject), options),
  )
}
