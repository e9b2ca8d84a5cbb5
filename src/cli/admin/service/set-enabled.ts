import type { CommandContext } from '../../context.js'
import { administrate } from '../administration.js'
import { reportChange } from '../changes.js'
import type { JsonOption } from '../options.js'

/** Lets the gateway serve a service again, or takes it away from the gateway. */
export async function setServiceEnabled(
  context: CommandContext,
  { id, enabled }: { id: string; enabled: boolean },
  options: JsonOption,
): Promise<void> {
  const service = await administrate(context, `service ${id}`, (admin) =>
    admin.services.update(id, { enabled }),
  )
  reportChange(
    context.terminal,
    `The service ${id} is ${enabled ? 'enabled' : 'disabled'}.`,
    service,
    options,
  )
}
