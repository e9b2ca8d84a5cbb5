import type { CommandContext } from '../../context.js'
import { requireKeyId } from '../../key-id.js'
import { report } from '../../terminal.js'
import { administrate } from '../administration.js'

/** Sets the counters of a key to zero, but not those of its owner. */
export async function resetQuotas(context: CommandContext, key: string): Promise<void> {
  const id = requireKeyId(key)
  await administrate(context, `API key ${id}`, (admin) => admin.apiKeys.resetQuotas(id))
  report(context.terminal, `The counters of the API key ${id} begin anew.`)
}
