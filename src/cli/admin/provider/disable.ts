import { requireConsent } from '../../confirm.js'
import type { CommandContext } from '../../context.js'
import { administrate } from '../administration.js'
import { reportChange } from '../changes.js'
import type { JsonOption, YesOption } from '../options.js'

/** Switches all API keys off, after consent. */
export async function disableProvider(
  context: CommandContext,
  options: JsonOption & YesOption,
): Promise<void> {
  const question = 'Refuse every API key, server keys too? Only a login switches them on again.'
  await requireConsent(question, context.terminal, options)
  const provider = await administrate(context, null, (admin) => admin.provider.set(true))
  reportChange(context.terminal, 'API keys are off: every one of them is refused.', provider, options)
}
