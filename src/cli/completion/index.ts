import type { Command } from 'commander'
import type { CommandContext } from '../context.js'

/** `latchkey completion …`, and what its scripts call at each press of the key. */
export function addCompletionCommand(program: Command, { terminal }: CommandContext): void {
  program
    .command('completion')
    .description('a script that makes your shell complete this program')
    .addArgument(program.createArgument('<shell>').choices(['bash', 'zsh', 'fish']))
    .action(async (shell) => (await import('./scripts.js')).printScript(terminal, shell))
  program
    .command('__complete', { hidden: true })
    .argument('[words...]')
    .action(async (words) => (await import('./complete.js')).printCandidates(terminal, program, words))
}
