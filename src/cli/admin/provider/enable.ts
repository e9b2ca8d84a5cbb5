import type { CommandContext } from '../../context.js'
import { administrate } from '../administration.js'
import { reportChange } from '../changes.js'
import type { JsonOption } from '../options.js'

/** Switches all API keys on. */
export async function enableProvider(context: CommandContext, options: JsonOption): Promise<void> {
  const provider = await administrate(context, null, (admin) => admin.provider.set(false))
  reportChange(context.terminal, 'API keys are on.', provider, options)
}
