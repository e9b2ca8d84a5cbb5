import type { Command } from 'commander'
import type { CommandContext } from '../../context.js'
import { addJsonOption, addYesOption } from '../options.js'

/** `latchkey admin provider …`: the switch of all API keys. */
export function addProviderCommands(admin: Command, context: CommandContext): void {
  const provider = admin.command('provider').description('switch all API keys off and on')

  addJsonOption(provider.command('show').description('whether they are on')).action(async (options) =>
    (await import('./show.js')).showProvider(context, options),
  )
  addJsonOption(provider.command('enable').description('let them work again, as they were')).action(
    async (options) => (await import('./enable.js')).enableProvider(context, options),
  )
  addYesOption(addJsonOption(provider.command('disable')))
    .description('refuse every API key; only a login switches them on again')
    .action(async (options) => (await import('./disable.js')).disableProvider(context, options))
}
