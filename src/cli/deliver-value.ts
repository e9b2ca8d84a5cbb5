import { CommandFailed, exitCodes } from './exit-codes.js'
import type { Terminal } from './terminal.js'

/**
 * Writes what is shown only once to stdout, and waits until it is there.
 * @param options.otherwise what the user does when it could not be written
 * @throws CommandFailed when stdout is closed or full
 */
export async function deliverValue(
  text: string,
  { stdout }: Terminal,
  { otherwise }: { otherwise: string },
): Promise<void> {
  // Whoever else listens would end the program before the user is told what is lost.
  const others = stdout.listeners('error') as ((error: Error) => void)[]
  stdout.removeAllListeners('error').on('error', ignore)
  try {
    await new Promise<void>((resolve, reject) => {
      stdout.write(`${text}\n`, (error) => (error ? reject(error) : resolve()))
    })
    stdout.off('error', ignore)
    for (const listener of others) stdout.on('error', listener)
  } catch (error) {
    const { code = 'unknown error' } = error as NodeJS.ErrnoException
    throw new CommandFailed(
      exitCodes.files,
      `the value could not be written (${code}) and is lost: ${otherwise}`,
    )
  }
}

/** A stream tells of a failure a second time, after the call that failed has heard of it. */
function ignore(): void {}
