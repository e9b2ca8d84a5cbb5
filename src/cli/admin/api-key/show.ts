import type { ApiKeyDocument } from '../../../schemas/key.js'
import { listFacts } from '../../api-key/facts.js'
import type { CommandContext } from '../../context.js'
import { printJson } from '../../json.js'
import { chooseKey, type KeyChoice } from '../../key-id.js'
import { renderFacts } from '../../table.js'
import { print } from '../../terminal.js'
import { administrate } from '../administration.js'
import type { JsonOption } from '../options.js'

/** Prints all that is known of a key of anyone. */
export async function showAnyKey(context: CommandContext, options: KeyChoice & JsonOption): Promise<void> {
  const { terminal } = context
  const id = await chooseKey(options, terminal)
  const key = await administrate(context, `API key ${id}`, (admin) => admin.apiKeys.show(id))
  if (options.json) printJson(terminal, key)
  else print(terminal, renderFacts({ ...listFacts(key, terminal.clock()), owner: describeOwner(key) }))
}

/** Includes the subject, because other commands take the owner by it. */
function describeOwner({ kind, owner: { login, subject } }: ApiKeyDocument): string {
  return kind === 'server' ? subject : `${login} (${subject})`
}
