import type { Command } from 'commander'
import { requireConsent } from '../../confirm.js'
import type { CommandContext } from '../../context.js'
import { administrate } from '../administration.js'
import { reportChange } from '../changes.js'
import { printDocument } from '../documents.js'
import { addJsonOption, addYesOption, type JsonOption, type YesOption } from '../options.js'

/** `latchkey admin provider …`: the switch of all API keys. */
export function addProviderCommands(admin: Command, context: CommandContext): void {
  const provider = admin.command('provider').description('switch all API keys off and on')

  addJsonOption(provider.command('show').description('whether they are on')).action((options: JsonOption) =>
    show(context, options),
  )
  addJsonOption(provider.command('enable').description('let them work again, as they were')).action(
    (options: JsonOption) => enable(context, options),
  )
  addYesOption(addJsonOption(provider.command('disable')))
    .description('refuse every API key; only a login switches them on again')
    .action((options: JsonOption & YesOption) => disable(context, options))
}

async function show(context: CommandContext, options: JsonOption): Promise<void> {
  const provider = await administrate(context, null, (admin) => admin.provider.show())
  await printDocument(context.terminal, provider, options)
}

async function enable(context: CommandContext, options: JsonOption): Promise<void> {
  const provider = await administrate(context, null, (admin) => admin.provider.set(false))
  reportChange(context.terminal, 'API keys are on.', provider, options)
}

async function disable(context: CommandContext, options: JsonOption & YesOption): Promise<void> {
  const question = 'Refuse every API key, server keys too? Only a login switches them on again.'
  await requireConsent(question, context.terminal, options)
  const provider = await administrate(context, null, (admin) => admin.provider.set(true))
  reportChange(context.terminal, 'API keys are off: every one of them is refused.', provider, options)
}
