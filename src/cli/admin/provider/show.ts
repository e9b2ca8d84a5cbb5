import type { CommandContext } from '../../context.js'
import { administrate } from '../administration.js'
import { printDocument } from '../documents.js'
import type { JsonOption } from '../options.js'

/** Prints whether API keys are on. */
export async function showProvider(context: CommandContext, options: JsonOption): Promise<void> {
  const provider = await administrate(context, null, (admin) => admin.provider.show())
  printDocument(context.terminal, provider, options)
}
