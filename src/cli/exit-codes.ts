/** How the program ends, for scripts; beyond 2 those of sysexits. */
export const exitCodes = {
  ok: 0,
  /** The service said no, or `check` found the value to be no good. */
  refused: 1,
  /** `check`: good, but it ends soon. */
  endsSoon: 2,
  /** The command is wrong: EX_USAGE. */
  usage: 64,
  /** The service cannot be reached, or cannot tell now: EX_UNAVAILABLE. */
  unavailable: 69,
  /** There is something wrong with this program: EX_SOFTWARE. */
  software: 70,
  /** A file, or stdout where it matters, cannot be read or written: EX_CANTCREAT. */
  files: 73,
  /** Nobody is logged in here: EX_NOPERM. */
  notLoggedIn: 77,
  /** Ended by Ctrl-C. */
  interrupted: 130,
  /** Nobody reads on, as after `| head -1`; what SIGPIPE ends other programs with. */
  outputClosed: 141,
} as const
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

/** Ends the command with a sentence on stderr and this exit code; an empty message: with the exit code alone. */
export class CommandFailed extends Error {
  override readonly name = 'CommandFailed'
  constructor(
    readonly exitCode: ExitCode,
    message: string,
  ) {
    super(message)
  }
}
