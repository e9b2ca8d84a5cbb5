import type { CommandContext } from '../../context.js'
import { administrate } from '../administration.js'
import { printDocument } from '../documents.js'
import type { JsonOption } from '../options.js'

/** Prints one service. */
export async function showService(context: CommandContext, id: string, options: JsonOption): Promise<void> {
  const service = await administrate(context, `service ${id}`, (admin) => admin.services.show(id))
  printDocument(context.terminal, service, options)
}
