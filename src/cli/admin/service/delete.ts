import { requireConsent } from '../../confirm.js'
import type { CommandContext } from '../../context.js'
import { report } from '../../terminal.js'
import { administrate } from '../administration.js'
import type { YesOption } from '../options.js'

/** Removes a service after consent. */
export async function deleteService(context: CommandContext, id: string, options: YesOption): Promise<void> {
  await requireConsent(`Delete the service ${id}?`, context.terminal, options)
  await administrate(context, `service ${id}`, (admin) => admin.services.delete(id))
  report(context.terminal, `The service ${id} is deleted.`)
}
