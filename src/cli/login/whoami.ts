import type { CommandContext } from '../context.js'
import { print, printable } from '../terminal.js'

/** Prints who is calling. */
export async function whoami(context: CommandContext, { json }: { json?: boolean }): Promise<void> {
  const client = await context.connect()
  const me = await client.me()
  print(context.terminal, json ? JSON.stringify(me, null, 2) : `${printable(me.login)} (${me.via})`)
}
