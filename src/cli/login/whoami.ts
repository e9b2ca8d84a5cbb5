import type { CommandContext } from '../context.js'
import { printJson } from '../json.js'
import { print, printable } from '../terminal.js'

/** Prints who is calling. */
export async function whoami(context: CommandContext, { json }: { json?: boolean }): Promise<void> {
  const client = await context.connect()
  const me = await client.me()
  if (json) printJson(context.terminal, me)
  else print(context.terminal, printable(`${me.login} (${me.via})`))
}
