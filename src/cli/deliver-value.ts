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
  try {
    await new Promise<void>((resolve, reject) => {
      // A stream tells of a failure twice; unheard, the second would end the process.
      stdout.once('error', reject)
      stdout.write(`${text}\n`, (error) => (error ? reject(error) : resolve()))
    })
  } catch (error) {
    const { code = 'unknown error' } = error as NodeJS.ErrnoException
    throw new CommandFailed(
      exitCodes.files,
      `the value could not be written (${code}) and is lost: ${otherwise}`,
    )
  }
}
