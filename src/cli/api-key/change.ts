import type { ApiKeyDocument, Latchkey } from '../../client/index.js'
import type { CommandContext } from '../context.js'
import { printJson } from '../json.js'
import { chooseKey, type KeyChoice } from '../key-id.js'
import { report } from '../terminal.js'
import { describeName } from './new-value.js'
import { requireOwn } from './require-own.js'

export interface ChangeOptions extends KeyChoice {
  readonly json?: boolean
}

export interface Change {
  request(keys: Latchkey['apiKeys'], id: string): Promise<ApiKeyDocument>
  /** The end of the sentence that begins with the key. */
  describe(key: ApiKeyDocument): string
}

/** Sends a change of one key, and reports the result; prints the key only with `--json`. */
export async function changeKey(
  context: CommandContext,
  options: ChangeOptions,
  { request, describe }: Change,
): Promise<void> {
  const { terminal } = context
  const id = await chooseKey(options, terminal)
  const client = await context.connect()
  const key = await requireOwn(id, request(client.apiKeys, id))
  report(terminal, `The key ${id}, ${describeName(key)}, ${describe(key)}.`)
  if (options.json) printJson(terminal, key)
}

/** Why a key does not work although the change should let it work; empty where it works. */
export const describeHindrance = ({ status }: ApiKeyDocument): string =>
  status === 'active' ? '' : `, but its status is: ${status}`
