import { type Command, Option } from 'commander'
import type { ChangeAnyKey } from '../../schemas/admin.js'
import type { ApiKeyDocument, KeyStatus } from '../../schemas/key.js'
import { requireConsent } from '../confirm.js'
import type { CommandContext } from '../context.js'
import { parseDuration } from '../durations.js'
import { chooseKey } from '../key-id.js'
import { tell } from '../terminal.js'
import { administrate } from './administration.js'
import { given, requireChange, tellChange } from './changes.js'
import { printDocument } from './documents.js'
import { addChangeOptions, type KeyOptions, readKeyChange } from './key-options.js'
import { printKeys } from './keys.js'
import {
  addJsonOption,
  addListOptions,
  addYesOption,
  type JsonOption,
  type ListOptions,
  readSubject,
  type YesOption,
} from './options.js'
import { addSecretOptions, readSecret, type SecretOptions } from './secret.js'

const statuses: KeyStatus[] = ['revoked', 'owner_disabled', 'disabled', 'expired', 'active']

interface Filter extends ListOptions {
  owner?: string
  kind?: 'user' | 'server'
  status?: KeyStatus
  group?: string
  search?: string
}

interface ChangeOptions extends JsonOption {
  valueFile?: string
}

interface UpdateOptions extends ChangeOptions, KeyOptions, SecretOptions {
  /** Seconds. */
  grace?: number
}

interface RevokeOptions extends ChangeOptions, YesOption {
  permanent?: boolean
}

type Key = string | undefined

/** `latchkey admin api-key …`: keys of anyone. */
export function addAnyKeyCommands(admin: Command, context: CommandContext): void {
  const keys = admin.command('api-key').alias('api_key').description('keys of anyone, server keys too')

  addListOptions(keys.command('list').description('the keys of everybody, newest first'))
    .option('--owner <subject>', 'those of this owner', readSubject)
    .addOption(new Option('--kind <kind>', 'of people, or of servers').choices(['user', 'server']))
    .addOption(new Option('--status <status>', 'those that are so').choices(statuses))
    .option('--group <id>', 'those that name this service group')
    .option('--search <text>', 'part of the name, the note, the login or the id')
    .action((options: Filter) => list(context, options))
  const about = (verb: string, description: string) =>
    keys
      .command(verb)
      .description(description)
      .argument('[key]', 'its id, or its whole value')
      .option('--value-file <path>', 'the whole value from a file; -: from stdin')

  addJsonOption(about('show', 'one key; never its value')).action((key: Key, options: ChangeOptions) =>
    show(context, key, options),
  )
  addSecretOptions(addJsonOption(addChangeOptions(about('update', 'change what is named and nothing else'))))
    .option(
      '--grace <time>',
      'how long the secret before goes on: 1h, 2d (default: not at all)',
      parseDuration,
    )
    .action((key: Key, options: UpdateOptions) => update(context, key, options))
  addYesOption(addJsonOption(about('revoke', 'end a key at once; nobody can renew it')))
    .option('--permanent', 'it was leaked')
    .action((key: Key, options: RevokeOptions) => revoke(context, key, options))
  addJsonOption(about('enable', 'let a disabled key work again')).action((key: Key, options: ChangeOptions) =>
    change(context, key, { enabled: true }, options),
  )
  addJsonOption(about('disable', 'refuse a key until an administrator enables it')).action(
    (key: Key, options: ChangeOptions) => change(context, key, { enabled: false }, options),
  )
  addYesOption(about('delete', 'remove a key for good, a server key with its server user')).action(
    (key: Key, options: ChangeOptions & YesOption) => remove(context, key, options),
  )
}

function list(context: CommandContext, { search, json, limit, ...filter }: Filter): Promise<void> {
  return administrate(context, null, (admin) =>
    printKeys(context.terminal, admin.apiKeys.list(given({ ...filter, q: search })), given({ json, limit })),
  )
}

async function show(context: CommandContext, key: Key, { valueFile, ...options }: ChangeOptions) {
  const { terminal } = context
  const id = await chooseKey({ key, valueFile }, terminal)
  const shown = await administrate(context, `API key ${id}`, (admin) => admin.apiKeys.show(id))
  await printDocument(terminal, shown, options)
}

async function update(context: CommandContext, key: Key, options: UpdateOptions): Promise<void> {
  const { secretFile, secretEncoding, grace, ...others } = options
  const { terminal } = context
  const wanted = {
    ...readKeyChange(others, terminal.clock()),
    ...(await readSecret({ secretFile, secretEncoding }, terminal)),
    ...given({ grace_seconds: grace }),
  }
  requireChange(wanted)
  await change(context, key, wanted, options)
}

async function change(
  context: CommandContext,
  key: Key,
  wanted: ChangeAnyKey,
  { valueFile, ...options }: ChangeOptions,
): Promise<void> {
  const { terminal } = context
  const id = await chooseKey({ key, valueFile }, terminal)
  const changed = await administrate(context, `API key ${id}`, (admin) => admin.apiKeys.update(id, wanted))
  tellChange(terminal, tellStatus(changed), changed, options)
}

async function revoke(context: CommandContext, key: Key, options: RevokeOptions): Promise<void> {
  const { valueFile, permanent = false } = options
  const { terminal } = context
  const id = await chooseKey({ key, valueFile }, terminal)
  await requireConsent(`Revoke the API key ${id}?`, terminal, options)
  const revoked = await administrate(context, `API key ${id}`, (admin) =>
    admin.apiKeys.revoke(id, { permanent }),
  )
  tellChange(terminal, tellStatus(revoked), revoked, options)
}

async function remove(
  context: CommandContext,
  key: Key,
  { valueFile, ...options }: ChangeOptions & YesOption,
): Promise<void> {
  const { terminal } = context
  const id = await chooseKey({ key, valueFile }, terminal)
  await requireConsent(`Delete the API key ${id}?`, terminal, options)
  await administrate(context, `API key ${id}`, (admin) => admin.apiKeys.delete(id))
  tell(terminal, `Deleted the API key ${id}.`)
}

const tellStatus = ({ id, status }: ApiKeyDocument) =>
  `The API key ${id} is ${status === 'owner_disabled' ? 'refused, since its owner is disabled' : status}.`
