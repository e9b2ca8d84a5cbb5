import { type Command, Option } from 'commander'
import { keyStatuses, ownerKinds } from '../../../schemas/enums.js'
import type { CommandContext } from '../../context.js'
import { parseDuration, parseTime } from '../../durations.js'
import { addKeyChangeOptions } from '../key-options.js'
import { addJsonOption, addListOptions, addYesOption, parseSubject } from '../options.js'
import { addSecretOptions } from '../secret-options.js'

/** `latchkey admin api-key …`: keys of anyone. */
export function addAnyKeyCommands(admin: Command, context: CommandContext): void {
  const keys = admin.command('api-key').alias('api_key').description('keys of anyone, server keys too')

  addListOptions(keys.command('list').description('the keys of everybody, revoked ones too, the newest last'))
    .option('--owner <subject>', 'those of this owner', parseSubject)
    .addOption(new Option('--kind <kind>', 'of people, or of servers').choices(ownerKinds))
    .addOption(new Option('--status <status>', 'those that are so').choices(keyStatuses))
    .option('--group <id>', 'those that name this service group')
    .option('--search <text>', 'part of the name, the note, the login or the id')
    .action(async (options) => (await import('./list.js')).listAnyKeys(context, options))
  const about = (verb: string, description: string) =>
    keys
      .command(verb)
      .description(description)
      .argument('[key]', 'its id, or its whole value')
      .option('--value-file <file>', 'read the value from a file, or from stdin (-)')

  addJsonOption(about('show', 'all that is known of a key, but for its value')).action(async (key, options) =>
    (await import('./show.js')).showAnyKey(context, { key, ...options }),
  )
  const updating = addSecretOptions(
    addKeyChangeOptions(about('update', 'change what is named, and nothing else')),
  )
  addJsonOption(updating)
    .option(
      '--grace <duration>',
      'how long the old secret goes on working (default: not at all)',
      parseDuration,
    )
    .action(async (key, options) => (await import('./update.js')).updateAnyKey(context, { key, ...options }))
  addYesOption(addJsonOption(about('revoke', 'end a key at once; its owner cannot renew it')))
    .option('--permanent', 'for good, as for a leaked one')
    .action(async (key, options) => (await import('./revoke.js')).revokeAnyKey(context, { key, ...options }))
  addYesOption(addJsonOption(keys.command('revoke-many')))
    .description('end several keys at once, all of them or none; print the ids of those that this ended')
    .argument('<key...>', 'their ids, or whole values, at most 200')
    .action(async (chosen, options) =>
      (await import('./revoke-many.js')).revokeManyKeys(context, chosen, options),
    )
  addJsonOption(
    about('renew', 'let a key live for the usual lifetime from now, also a revoked or expired one'),
  )
    .option('--expires-in <duration>', 'until then, instead: 600 (seconds), 10m, 1h, 15d, 2w', parseDuration)
    .addOption(
      new Option('--expires-at <time>', 'until then, instead: 2026-12-31 or 2026-12-31T23:59:59, in UTC')
        .argParser(parseTime)
        .conflicts('expiresIn'),
    )
    .action(async (key, options) => (await import('./renew.js')).renewAnyKey(context, { key, ...options }))
  for (const { verb, enabled, description } of switches) {
    addJsonOption(about(verb, description)).action(async (key, options) =>
      (await import('./set-enabled.js')).setAnyKeyEnabled(context, { key, enabled, ...options }),
    )
  }
  addYesOption(about('delete', 'remove a key for good, a server key with its server user')).action(
    async (key, options) => (await import('./delete.js')).deleteAnyKey(context, { key, ...options }),
  )
}

const switches = [
  { verb: 'disable', enabled: false, description: 'refuse a key until an administrator enables it' },
  { verb: 'enable', enabled: true, description: 'let a disabled key work again' },
]
