import { type Latchkey, LatchkeyError } from '../../client/index.js'
import type { CommandContext } from '../context.js'
import { CommandFailed, exitCodes } from '../exit-codes.js'
import { printable } from '../terminal.js'

/** What the client does for administrators. */
export type Administration = Latchkey['admin']

/**
 * Acts at the service in use, and tells in the words of this command line what it answers to whom may not, or whose
 * target is not there.
 * @param target what the command is about, as `API key Zk3vQ9aB`
 * @throws CommandFailed, LatchkeyError, UnreachableError
 */
export async function administrate<T>(
  context: CommandContext,
  target: string | null,
  act: (admin: Administration) => Promise<T>,
): Promise<T> {
  const { admin } = await context.connect()
  try {
    return await act(admin)
  } catch (error) {
    if (!(error instanceof LatchkeyError)) throw error
    if (error.code === 'login_required') throw new CommandFailed(exitCodes.notLoggedIn, loginRequired)
    if (error.code === 'not_found' && target !== null) {
      throw refused(`there is no ${printable(target)} (not_found)`)
    }
    if (error.code === 'insufficient_scope') {
      throw refused(
        `${printable(error.message)} This is for administrators; latchkey whoami tells who you are (insufficient_scope)`,
      )
    }
    throw error
  }
}

const loginRequired =
  'a person’s key administrates nothing. Unset LATCHKEY_API_KEY and log in, or set it to the key of a server that was given the role of administrators (login_required)'

const refused = (message: string) => new CommandFailed(exitCodes.refused, message)
