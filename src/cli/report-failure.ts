import { CommandFailed, type ExitCode, exitCodes } from './exit-codes.js'
import { type Terminal, tell } from './terminal.js'

/** Tells what went wrong in one sentence, and gives the exit code that means it. */
export async function reportFailure(error: unknown, terminal: Terminal): Promise<ExitCode> {
  if (error instanceof CommandFailed) {
    tell(terminal, `latchkey: ${error.message}`)
    return error.exitCode
  }
  const { LatchkeyError, UnavailableError, UnreachableError } = await import('../client/index.js')
  if (error instanceof UnreachableError || error instanceof LatchkeyError) {
    tell(terminal, `latchkey: ${error.message} (${error.code})`)
    const faults = error instanceof LatchkeyError ? error.errors : []
    for (const { path, message } of faults) tell(terminal, `  ${path} ${message}`)
    const isAway = error instanceof UnreachableError || error instanceof UnavailableError
    return isAway ? exitCodes.unavailable : exitCodes.refused
  }
  tell(terminal, `latchkey: ${error instanceof Error ? error.stack : String(error)}`)
  return exitCodes.software
}
