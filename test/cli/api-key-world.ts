import { Command, CommanderError } from 'commander'
import { addApiKeyCommands } from '../../src/cli/api-key/index.js'
import { type ExitCode, exitCodes } from '../../src/cli/exit-codes.js'
import { reportFailure } from '../../src/cli/report-failure.js'
import { Latchkey } from '../../src/client/index.js'
import type { TestService } from '../support/service.js'
import { createTerminal, type TerminalWishes } from './terminal.js'

export interface Outcome {
  exitCode: ExitCode
  /** stdout. */
  out: string
  /** stderr. */
  told: string
}

export interface Wishes extends TerminalWishes {
  /** Who is logged in. Default: alice; null: nobody. */
  person?: 'alice' | 'bob' | null
  /** Where the service is. */
  url?: string
  fetch?: typeof globalThis.fetch
  spelling?: 'api_key'
  /** Words that hold spaces. */
  more?: string[]
}

/** Runs `latchkey api-key …` as somebody who is logged in, on the service's own clock unless told otherwise. */
export const apiKeyCommands =
  (service: () => TestService) =>
  async (words: string, wishes: Wishes = {}): Promise<Outcome> => {
    const { person = 'alice', url = service().url, fetch = globalThis.fetch, more = [] } = wishes
    const terminal = createTerminal({ clock: service().clock.now, ...wishes })
    const program = new Command('latchkey').exitOverride().configureOutput({
      writeOut: (text) => terminal.stdout.write(text),
      writeErr: (text) => terminal.stderr.write(text),
    })
    addApiKeyCommands(program, {
      terminal,
      connect: async () => {
        if (person === null) throw new Error('This command asked for a login')
        return new Latchkey({ url, fetch, token: () => service().token({ person }) })
      },
      connectAnonymously: async () => new Latchkey({ url, fetch, apiKey: null }),
    })
    const args = [wishes.spelling ?? 'api-key', ...words.split(' ').filter((word) => word !== ''), ...more]
    const exitCode = await execute(program, args, terminal)
    return { exitCode, out: terminal.out(), told: terminal.told() }
  }

async function execute(program: Command, args: string[], terminal: ReturnType<typeof createTerminal>) {
  try {
    await program.parseAsync(args, { from: 'user' })
    return exitCodes.ok
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage
    return reportFailure(error, terminal)
  }
}

/** The id in a value. */
export const idOf = (value: string): string => value.split('_')[1] ?? ''

/** What a value looks like, wherever one must not be. */
export const valuePattern = /lk_[0-9A-Za-z]{8}_[0-9A-Za-z]{49}/
