import type { CommandContext } from '../context.js'
import { printJson } from '../json.js'
import { chooseKey, type KeyChoice } from '../key-id.js'
import { renderFacts } from '../table.js'
import { print } from '../terminal.js'
import { listFacts } from './facts.js'
import { requireOwn } from './require-own.js'

/** Prints all that is known of a key. */
export async function showKey(
  context: CommandContext,
  options: KeyChoice & { readonly json?: boolean },
): Promise<void> {
  const { terminal } = context
  const id = await chooseKey(options, terminal)
  const client = await context.connect()
  const key = await requireOwn(id, client.apiKeys.show(id))
  if (options.json) printJson(terminal, key)
  else print(terminal, renderFacts(listFacts(key, terminal.clock())))
}
