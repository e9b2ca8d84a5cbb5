import { Command, CommanderError } from 'commander'
import { addAdminCommands } from './admin/index.js'
import { addApiKeyCommands } from './api-key/index.js'
import { addCompletionCommand } from './completion/index.js'
import type { CommandContext } from './context.js'
import { type ExitCode, exitCodes } from './exit-codes.js'
import { addLoginCommands } from './login/index.js'
import { addProfileCommands } from './profile/index.js'
import { addServeCommand } from './serve/index.js'
import type { Terminal } from './terminal.js'

/** The command line, without its environment: tests run it as the terminal does. @param version of the package */
export async function run(args: readonly string[], terminal: Terminal, version: string): Promise<ExitCode> {
  const program = createProgram(terminal, version)
  try {
    await program.parseAsync([...args], { from: 'user' })
    return exitCodes.ok
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage
    const { reportFailure } = await import('./report-failure.js')
    return reportFailure(error, terminal)
  }
}

export function createProgram(terminal: Terminal, version: string): Command {
  const program = new Command('latchkey')
  const context: CommandContext = {
    terminal,
    connect: async () => (await import('./session.js')).connect(terminal, program.opts()),
    connectAnonymously: async () =>
      (await import('./session.js')).connectAnonymously(terminal, program.opts()),
  }
  program
    .description('API keys for platforms that log people in with Keycloak.')
    .version(version)
    .option('--profile <name>', 'the service to talk to (default: the one in use)')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.stdout.write(text),
      writeErr: (text) => terminal.stderr.write(text),
    })
  addCommands(program, context)
  return program
}

/** Adds the commands in the order in which help lists them. Each loads its file when it is called, so that starting is quick. */
function addCommands(program: Command, context: CommandContext): void {
  addProfileCommands(program, context)
  addLoginCommands(program, context)
  addApiKeyCommands(program, context)
  addAdminCommands(program, context)
  addServeCommand(program, context)
  addCompletionCommand(program, context)
}
