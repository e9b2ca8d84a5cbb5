import type { Latchkey } from '../client/index.js'
import { CommandFailed, exitCodes } from './exit-codes.js'
import type { Terminal } from './terminal.js'

/** A client for the service that the user means, as whom they are there. @throws CommandFailed */
export async function connect({ env }: Terminal, _options: { profile?: string }): Promise<Latchkey> {
  const { LATCHKEY_URL: url, LATCHKEY_API_KEY: apiKey } = env
  if (!url) throw new CommandFailed(exitCodes.usage, 'no service is named: set LATCHKEY_URL')
  if (!apiKey) throw new CommandFailed(exitCodes.notLoggedIn, 'nobody is logged in: set LATCHKEY_API_KEY')
  const { Latchkey: Client } = await import('../client/index.js')
  return new Client({ url, apiKey })
}
