import type { Command } from 'commander'
import type { CommandContext } from '../context.js'
import { jsonOption } from '../json.js'

/** `latchkey login`, `logout` and `whoami`. */
export function addLoginCommands(program: Command, context: CommandContext): void {
  const { terminal } = context
  program
    .command('login')
    .description('log in with the browser')
    .option('--device', 'with the browser of another machine, by a code')
    .option('--no-browser', 'open none: print the address')
    .action(async (options) =>
      (await import('./log-in.js')).logIn(terminal, { ...program.opts(), ...options }),
    )
  program
    .command('logout')
    .description('end the login')
    .action(async () => (await import('./log-out.js')).logOut(terminal, program.opts()))
  program
    .command('whoami')
    .description('who you are there, and by which credential')
    .option(...jsonOption)
    .action(async (options) => (await import('./whoami.js')).whoami(context, options))
}
