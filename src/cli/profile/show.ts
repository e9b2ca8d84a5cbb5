import { findConfigFolder } from '../config-folder.js'
import { findDestination } from '../destination.js'
import { CommandFailed, exitCodes } from '../exit-codes.js'
import { printJson } from '../json.js'
import { readLogin } from '../login/stored-login.js'
import { print, printable, type Terminal } from '../terminal.js'

/** Prints what is known of one. @param name undefined: the one that commands talk to */
export async function showProfile(
  terminal: Terminal,
  name: string | undefined,
  { json }: { json?: boolean },
): Promise<void> {
  const { known } = await findDestination(terminal, name === undefined ? {} : { profile: name })
  if (known === null) {
    throw new CommandFailed(exitCodes.usage, 'LATCHKEY_URL names a service that no profile stands for')
  }
  const { profile } = known
  const isLoggedIn = (await readLogin(terminal, known)) !== null
  const facts = {
    name: known.name,
    url: profile.url,
    gateway: profile.gatewayUrl,
    issuer: profile.login?.issuer ?? null,
    client: profile.login?.clientId ?? null,
    loggedIn: isLoggedIn,
    folder: await findConfigFolder(terminal),
  }
  if (json) return printJson(terminal, facts)
  for (const [fact, value] of Object.entries(facts))
    print(terminal, printable(`${fact.padEnd(8)}  ${value ?? '-'}`))
}
