import type { Command } from 'commander'
import type { CommandContext } from '../context.js'
import { jsonOption } from '../json.js'

/** `latchkey profile …`: the services that this user talks to. */
export function addProfileCommands(program: Command, { terminal }: CommandContext): void {
  const profile = program.command('profile').description('the services that you talk to')
  profile
    .command('create')
    .description('remember a service; the first one is the one in use')
    .argument('<url>', 'where it is, as https://keys.example.org')
    .option('--name <name>', 'what to call it (default: its host)')
    .option('--insecure', 'even over plain http, which others in the network can read')
    .action(async (url, options) => (await import('./create.js')).createProfile(terminal, url, options))
  profile
    .command('list')
    .description('all of them, the one in use marked')
    .option(...jsonOption)
    .action(async (options) => (await import('./list.js')).listProfiles(terminal, options))
  profile
    .command('use')
    .description('talk to this one from now on')
    .argument('<name>', 'one of latchkey profile list')
    .action(async (name) => (await import('./use.js')).useProfile(terminal, name))
  profile
    .command('show')
    .description('what is known of it')
    .argument('[name]', 'default: the one that commands talk to')
    .option(...jsonOption)
    .action(async (name, options) =>
      (await import('./show.js')).showProfile(terminal, name ?? program.opts().profile, options),
    )
  profile
    .command('delete')
    .description('log out there, and forget it')
    .argument('<name>', 'one of latchkey profile list')
    .action(async (name) => (await import('./delete.js')).deleteProfile(terminal, name))
}
