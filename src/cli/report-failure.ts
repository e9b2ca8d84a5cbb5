import { describeCause } from './cause-code.js'
import { CommandFailed, type ExitCode, exitCodes } from './exit-codes.js'
import { printable, report, type Terminal } from './terminal.js'

/** Reports a failure in one sentence, and returns its exit code. */
export async function reportFailure(error: unknown, terminal: Terminal): Promise<ExitCode> {
  if (error instanceof CommandFailed) {
    if (error.message !== '') report(terminal, `latchkey: ${error.message}`)
    return error.exitCode
  }
  const client = await import('../client/index.js')
  const { InvalidOptionError, LatchkeyError, UnavailableError, UnreachableError } = client
  if (error instanceof InvalidOptionError) {
    report(terminal, `latchkey: ${error.message}`)
    return exitCodes.usage
  }
  if (error instanceof UnreachableError || error instanceof LatchkeyError) {
    report(terminal, printable(`latchkey: ${error.message}${describeCause(error.cause)} (${error.code})`))
    const faults = error instanceof LatchkeyError ? error.errors : []
    for (const { path, message } of faults) report(terminal, printable(`  ${path} ${message}`))
    // What a proxy or another service answers is no refusal of this one.
    const isAway =
      error instanceof UnreachableError ||
      error instanceof UnavailableError ||
      error.code === 'unexpected_answer'
    return isAway ? exitCodes.unavailable : adviseOnCredential(error.code, terminal)
  }
  report(terminal, `latchkey: ${error instanceof Error ? error.stack : String(error)}`)
  return exitCodes.software
}

/** What to do where the refusal is for the credential: which one that was is known here alone. */
function adviseOnCredential(code: string, terminal: Terminal): ExitCode {
  const isKey = Boolean(terminal.env.LATCHKEY_API_KEY)
  if (code === 'login_required') {
    report(
      terminal,
      `${isKey ? 'A key cannot do this. Unset LATCHKEY_API_KEY, then log in' : 'Log in'}: latchkey login`,
    )
    return exitCodes.notLoggedIn
  }
  if (code !== 'invalid_credential' && code !== 'not_authenticated') return exitCodes.refused
  report(
    terminal,
    isKey ? 'It is the key in LATCHKEY_API_KEY that is refused.' : 'Log in again: latchkey login',
  )
  return isKey ? exitCodes.refused : exitCodes.notLoggedIn
}
