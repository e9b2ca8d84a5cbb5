import type { CommandContext } from '../context.js'
import { printJson } from '../json.js'
import { requireKeyId } from '../key-id.js'
import { describeEnd } from '../table.js'
import { print, printable, report } from '../terminal.js'

export interface LinkOptions {
  /** An id, or a whole value. */
  readonly key: string
  readonly path: string
  /** Seconds. Default: as the service says. */
  readonly expiresIn?: number
  readonly json?: boolean
}

/** Makes a URL that opens one path with a key, and prints it alone. */
export async function linkKey(context: CommandContext, options: LinkOptions): Promise<void> {
  const { terminal } = context
  const { path, expiresIn, json = false } = options
  const id = requireKeyId(options.key)
  const client = await context.connect()
  const wanted = { path, ...(expiresIn === undefined ? {} : { expires_in: expiresIn }) }
  const link = await client.apiKeys.createLink(id, wanted)
  report(
    terminal,
    `The link opens ${printable(link.path)} and what lies below it, for whoever has it. It ends: ${describeEnd(link.expires_at, terminal.clock())}`,
  )
  if (json) return printJson(terminal, link)
  print(terminal, link.url)
}
