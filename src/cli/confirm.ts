import { createInterface } from 'node:readline/promises'
import { CommandFailed, exitCodes } from './exit-codes.js'
import type { Terminal } from './terminal.js'

/**
 * Asks before what cannot be undone, or stops others; only a yes goes on.
 * @param question a sentence, without its `[y/N]`
 * @param options.yes the user has said so already
 * @throws CommandFailed on any other answer, and where stdin is no terminal that could be asked
 */
export async function requireConsent(
  question: string,
  { stdin, stderr }: Terminal,
  { yes = false }: { yes?: boolean },
): Promise<void> {
  if (yes) return
  if (stdin.isTTY !== true) {
    throw new CommandFailed(
      exitCodes.usage,
      'this is done only when somebody says yes: nobody can be asked here, so say --yes',
    )
  }
  const prompt = createInterface({ input: stdin, output: stderr, terminal: false })
  try {
    // The end of the input is no yes.
    const ended = new Promise<string>((resolve) => prompt.once('close', () => resolve('')))
    const answer = await Promise.race([prompt.question(`${question} [y/N] `), ended])
    if (/^y(es)?$/i.test(answer.trim())) return
  } finally {
    prompt.close()
  }
  throw new CommandFailed(exitCodes.refused, 'nothing was done')
}
