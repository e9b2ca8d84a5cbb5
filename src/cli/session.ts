import type { Latchkey } from '../client/index.js'
import { type Destination, findDestination } from './destination.js'
import { CommandFailed, exitCodes } from './exit-codes.js'
import type { Terminal } from './terminal.js'

/**
 * A client for the service that the user means, with `LATCHKEY_API_KEY` or as whoever is logged in there. A key and a
 * token are sent to that service alone.
 * @throws CommandFailed
 */
export async function connect(terminal: Terminal, options: { profile?: string }): Promise<Latchkey> {
  const destination = await findDestination(terminal, options)
  const { LATCHKEY_API_KEY: apiKey } = terminal.env
  return openClient(destination, apiKey ? { apiKey } : { token: await findToken(terminal, destination) })
}

/** Told at once, and not only at the first call, where nobody is logged in. */
async function findToken(terminal: Terminal, { url, known }: Destination): Promise<() => Promise<string>> {
  if (known === null) {
    const advice = `set LATCHKEY_API_KEY, or: latchkey profile create ${url}`
    throw new CommandFailed(exitCodes.notLoggedIn, `nobody is logged in at ${url}: ${advice}`)
  }
  const { tokenSource } = await import('./login/fresh-token.js')
  const token = tokenSource(terminal, known)
  await token()
  return token
}

/** A client for the service that the user means, as nobody. @throws CommandFailed */
export async function connectAnonymously(
  terminal: Terminal,
  options: { profile?: string },
): Promise<Latchkey> {
  return openClient(await findDestination(terminal, options), { apiKey: null })
}

/** @throws InvalidOptionError for a credential that no header can hold */
export async function openClient(
  { url, known }: Destination,
  credential: { apiKey: string | null } | { token: string | (() => Promise<string>) },
): Promise<Latchkey> {
  const { Latchkey: Client } = await import('../client/index.js')
  const allowInsecure = known?.profile.isInsecure ?? false
  return new Client({ url, allowInsecure, userAgent: 'latchkey-cli', ...credential })
}
