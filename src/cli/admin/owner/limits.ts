import type { CommandContext } from '../../context.js'
import { administrate } from '../administration.js'
import { printDocument } from '../documents.js'
import type { JsonOption } from '../options.js'

/** Prints the limits over all keys of an owner. */
export async function showOwnerLimits(
  context: CommandContext,
  subject: string,
  options: JsonOption,
): Promise<void> {
  const limits = await administrate(context, `owner ${subject} here`, (admin) => admin.owners.limits(subject))
  printDocument(context.terminal, limits, options)
}
