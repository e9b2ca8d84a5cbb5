import { requireConsent } from '../confirm.js'
import type { CommandContext } from '../context.js'
import { chooseKey, type KeyChoice } from '../key-id.js'
import { report } from '../terminal.js'
import { describeName } from './new-value.js'
import { requireOwn } from './require-own.js'

/** Removes a key for good, once the user agrees. */
export async function deleteKey(
  context: CommandContext,
  options: KeyChoice & { readonly yes?: boolean },
): Promise<void> {
  const { terminal } = context
  const id = await chooseKey(options, terminal)
  const client = await context.connect()
  // By its name people recognise it; where nobody can be asked it is not needed.
  const isAsked = options.yes !== true && terminal.stdin.isTTY === true
  const key = isAsked ? await requireOwn(id, client.apiKeys.show(id)) : null
  const which = key === null ? id : `${id}, ${describeName(key)},`
  await requireConsent(`Delete the key ${which} for good?`, terminal, options)
  await requireOwn(id, client.apiKeys.delete(id))
  report(terminal, `The key ${id} is deleted.`)
}
