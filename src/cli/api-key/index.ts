import { type Command, Option } from 'commander'
import { keyStatuses } from '../../schemas/enums.js'
import type { CommandContext } from '../context.js'
import { parseDuration, parseTime } from '../durations.js'
import { jsonOption, parseJsonObject } from '../json.js'

/** `latchkey api-key`: what people do with their own keys. */
export function addApiKeyCommands(program: Command, context: CommandContext): void {
  const group = program
    .command('api-key')
    .alias('api_key')
    .description('your API keys: create, list, revoke, renew, check and more')
  addCreate(group, context)
  addList(group, context)
  addScopes(group, context)
  addShow(group, context)
  addLifeCommands(group, context)
  addRotate(group, context)
  addLink(group, context)
  addUpdate(group, context)
  addDelete(group, context)
  addCheck(group, context)
}

const valueFile = ['--value-file <file>', 'read the value from a file, or from stdin (-)'] as const
const whichKey = ['[key]', 'its id, or its whole value'] as const

function addCreate(group: Command, context: CommandContext): void {
  group
    .command('create')
    .description('make a key; its value, shown only now, is all that stdout holds')
    .option('--name <name>', 'unique among your keys (default: the note, or this machine and the time)')
    .option('--note <text>', 'a reminder of where the key is used')
    .option(
      '--scopes <right...>',
      'only these of your rights: see scopes (default: all, as they are at each use)',
    )
    .option(
      '--expires-in <duration>',
      'how long it lives: 600 (seconds), 90s, 10m, 1h, 15d, 2w',
      parseDuration,
    )
    .addOption(new Option('--never-expires', 'no end').conflicts('expiresIn'))
    .option('--read-only', 'only for GET, HEAD and OPTIONS')
    .option('--allowed-ips <range...>', 'addresses or CIDR ranges that may use it (default: any)')
    .option('--allowed-referers <host...>', 'hosts whose pages may use it (default: any)')
    .option('--jwt', 'the key may sign JWTs')
    .option('--config <object>', 'JSON that services see with each call', parseJsonObject)
    .option(...jsonOption)
    .action(async (options) => (await import('./create.js')).createKey(context, options))
}

function addList(group: Command, context: CommandContext): void {
  group
    .command('list')
    .description('your keys that are not revoked, the newest last')
    .option('--all', 'those that are revoked, too')
    .addOption(new Option('--status <status>', 'only those of this status').choices(keyStatuses))
    .option(...jsonOption)
    .action(async (options) => (await import('./list.js')).listKeys(context, options))
}

function addScopes(group: Command, context: CommandContext): void {
  group
    .command('scopes')
    .description('the rights that you may give a key by --scopes')
    .option(...jsonOption)
    .action(async (options) => (await import('./scopes.js')).listScopes(context, options))
}

function addShow(group: Command, context: CommandContext): void {
  group
    .command('show')
    .description('all that is known of a key, but for its value')
    .argument(...whichKey)
    .option(...valueFile)
    .option(...jsonOption)
    .action(async (key, options) => (await import('./show.js')).showKey(context, { key, ...options }))
}

/** What ends a key, or lets it go on. */
function addLifeCommands(group: Command, context: CommandContext): void {
  const add = (name: string, description: string) =>
    group
      .command(name)
      .description(description)
      .argument(...whichKey)
      .option(...valueFile)
      .option(...jsonOption)

  add('revoke', 'end a key at once; until it is deleted it can be renewed')
    .option('--permanent', 'for good, as for a leaked one')
    .action(async (key, options) => (await import('./revoke.js')).revokeKey(context, { key, ...options }))
  add('renew', 'let a key live for the usual lifetime from now, also a revoked or expired one')
    .option('--expires-in <duration>', 'until then, instead: 600 (seconds), 10m, 1h, 15d, 2w', parseDuration)
    .addOption(
      new Option('--expires-at <time>', 'until then, instead: 2026-12-31 or 2026-12-31T23:59:59, in UTC')
        .argParser(parseTime)
        .conflicts('expiresIn'),
    )
    .action(async (key, options) => (await import('./renew.js')).renewKey(context, { key, ...options }))
  add('disable', 'let a key pause').action(async (key, options) =>
    (await import('./set-enabled.js')).setKeyEnabled(context, { key, enabled: false, ...options }),
  )
  add('enable', 'let a paused key work again').action(async (key, options) =>
    (await import('./set-enabled.js')).setKeyEnabled(context, { key, enabled: true, ...options }),
  )
}

function addRotate(group: Command, context: CommandContext): void {
  group
    .command('rotate')
    .description('give a key a new value, which is shown only now and is all that stdout holds')
    .argument(...whichKey)
    .option(
      '--grace <duration>',
      'how long the old value goes on working (default: not at all)',
      parseDuration,
    )
    .option(...valueFile)
    .option(...jsonOption)
    .action(async (key, options) => (await import('./rotate.js')).rotateKey(context, { key, ...options }))
}

function addLink(group: Command, context: CommandContext): void {
  group
    .command('link')
    .description('make a URL that opens one path with a key, for tools that only take a URL')
    .argument(...whichKey)
    .argument('<path>', 'a path at the gateway: all that lies below it opens too')
    .option('--expires-in <duration>', 'how long it lives, at most 1d (default: 1h)', parseDuration)
    .option(...jsonOption)
    .action(async (key, path, options) =>
      (await import('./link.js')).linkKey(context, { key, path, ...options }),
    )
}

function addUpdate(group: Command, context: CommandContext): void {
  group
    .command('update')
    .description('change what is named, and nothing else')
    .argument(...whichKey)
    .option('--name <name>', 'unique among your keys')
    .option('--note <text>', 'a reminder of where the key is used')
    .option('--allowed-ips <range...>', 'addresses or CIDR ranges that may use it')
    .option('--no-allowed-ips', 'any address may use it')
    .option('--allowed-referers <host...>', 'hosts whose pages may use it')
    .option('--no-allowed-referers', 'any page may use it')
    .option('--config <object>', 'JSON that services see with each call', parseJsonObject)
    .option(...valueFile)
    .option(...jsonOption)
    .action(async (key, options) => (await import('./update.js')).updateKey(context, { key, ...options }))
}

function addDelete(group: Command, context: CommandContext): void {
  group
    .command('delete')
    .description('remove a key for good; its name is free again')
    .argument(...whichKey)
    .option('--yes', 'do not ask')
    .option(...valueFile)
    .action(async (key, options) => (await import('./delete.js')).deleteKey(context, { key, ...options }))
}

function addCheck(group: Command, context: CommandContext): void {
  group
    .command('check')
    .description('whether a value is good, for what and until when; it needs no login')
    .argument('[value]', 'the whole value (default: LATCHKEY_API_KEY of the environment)')
    .option(...valueFile)
    .option('--warn <duration>', 'exit code 2 when it ends within that: 3d', parseDuration)
    .option('--method <method>', 'whether it may make such a call')
    .option('--service <id>', 'whether it may call this service behind the gateway')
    .option('--scopes <right...>', 'whether it may use all these rights')
    .option('--client-ip <address>', 'whether it may be used from there')
    .option('--referer <url>', 'whether this page may use it')
    .option(...jsonOption)
    .option('--quiet', 'the exit code alone')
    .addHelpText(
      'after',
      '\nExit code: 0 good, 1 refused, 2 good but it ends within --warn, 69 nobody can tell now',
    )
    .action(async (value, options) => (await import('./check.js')).checkValue(context, { value, ...options }))
}
