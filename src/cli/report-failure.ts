import { tellCause } from './cause-code.js'
import { CommandFailed, type ExitCode, exitCodes } from './exit-codes.js'
import { printable, type Terminal, tell } from './terminal.js'

/** Tells what went wrong in one sentence, and gives the exit code that means it. */
export async function reportFailure(error: unknown, terminal: Terminal): Promise<ExitCode> {
  if (error instanceof CommandFailed) {
    if (error.message !== '') tell(terminal, `latchkey: ${error.message}`)
    return error.exitCode
  }
  const client = await import('../client/index.js')
  const { InvalidOptionError, LatchkeyError, UnavailableError, UnreachableError } = client
  if (error instanceof InvalidOptionError) {
    tell(terminal, `latchkey: ${error.message}`)
    return exitCodes.usage
  }
  if (error instanceof UnreachableError || error instanceof LatchkeyError) {
    tell(terminal, printable(`latchkey: ${error.message}${tellCause(error.cause)} (${error.code})`))
    const faults = error instanceof LatchkeyError ? error.errors : []
    for (const { path, message } of faults) tell(terminal, printable(`  ${path} ${message}`))
    // What a proxy or another service answers is no refusal of this one.
    const isAway =
      error instanceof UnreachableError ||
      error instanceof UnavailableError ||
      error.code === 'unexpected_answer'
    return isAway ? exitCodes.unavailable : adviseOnCredential(error.code, terminal)
  }
  tell(terminal, `latchkey: ${error instanceof Error ? error.stack : String(error)}`)
  return exitCodes.software
}

/** What to do where the refusal is for the credential: which one that was is known here alone. */
function adviseOnCredential(code: string, terminal: Terminal): ExitCode {
  const isKey = Boolean(terminal.env.LATCHKEY_API_KEY)
  if (code === 'login_required') {
    tell(
      terminal,
      `${isKey ? 'A key cannot do this. Unset LATCHKEY_API_KEY, then log in' : 'Log in'}: latchkey login`,
    )
    return exitCodes.notLoggedIn
  }
  if (code !== 'invalid_credential' && code !== 'not_authenticated') return exitCodes.refused
  tell(
    terminal,
    isKey ? 'It is the key in LATCHKEY_API_KEY that is refused.' : 'Log in again: latchkey login',
  )
  return isKey ? exitCodes.refused : exitCodes.notLoggedIn
}
