import type { Command } from 'commander'
import type { CommandContext } from '../../context.js'
import { parseDuration } from '../../durations.js'
import { addNewKeyOptions } from '../key-options.js'
import { addJsonOption, parseSubject } from '../options.js'
import { addSecretOptions } from '../secret-options.js'

/** `latchkey admin server-key …`: keys that belong to no person. */
export function addServerKeyCommands(admin: Command, context: CommandContext): void {
  const keys = admin
    .command('server-key')
    .alias('server_key')
    .description('keys for servers: make, import, rotate; `admin api-key` lists, changes and revokes them')

  const creating = addNewKeyOptions(keys.command('create'))
    .description('make a key; its value, shown only now, is all that stdout holds')
    .option('--scopes <right...>', 'rights of its server (default: none); the administrators’ role too')
  addJsonOption(creating).action(async (options) =>
    (await import('./create.js')).createServerKey(context, options),
  )

  const importing = addNewKeyOptions(addForeignOptions(keys.command('import')))
    .description('take over a key that was made elsewhere; print its id')
    .option('--scopes <right...>', 'rights that it may use (default: none; of a person’s key: inherit)')
    .option('--owner <subject>', 'the person that it acts for (default: a server)', parseSubject)
  addJsonOption(importing).action(async (options) =>
    (await import('./import.js')).importKey(context, options),
  )

  const rotating = keys
    .command('rotate')
    .description('give a key a new value, which is shown only now; the id stays')
    .argument('[key]', 'its id, or its whole value')
    .option('--value-file <file>', 'read the value from a file, or from stdin (-)')
    .option(
      '--grace <duration>',
      'how long the old value goes on working (default: not at all)',
      parseDuration,
    )
  addJsonOption(rotating).action(async (key, options) =>
    (await import('./rotate.js')).rotateServerKey(context, { key, ...options }),
  )
}

const addForeignOptions = (command: Command): Command =>
  addSecretOptions(command.option('--id <id>', 'its own id'))
    .option('--value-file <file>', 'read its value from a file, or from stdin (-): only its SHA-256 is sent')
    .option('--value-sha256 <hash>', 'SHA-256 of its value')
