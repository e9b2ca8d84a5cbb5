import { type Command, Option } from 'commander'
import type { ChangeAnyKey } from '../../../schemas/admin.js'
import { type KeyStatus, keyStatuses, type OwnerKind, ownerKinds } from '../../../schemas/enums.js'
import type { ApiKeyDocument } from '../../../schemas/key.js'
import { requireConsent } from '../../confirm.js'
import type { CommandContext } from '../../context.js'
import { parseDuration } from '../../durations.js'
import { printJson } from '../../json.js'
import { chooseKey } from '../../key-id.js'
import { omitUndefined } from '../../omit-undefined.js'
import { printable, report } from '../../terminal.js'
import { administrate } from '../administration.js'
import { reportChange, requireChange } from '../changes.js'
import { addChangeOptions, type KeyChangeOptions, readKeyChange } from '../key-options.js'
import {
  addJsonOption,
  addListOptions,
  addYesOption,
  type JsonOption,
  type ListOptions,
  parseSubject,
  type YesOption,
} from '../options.js'
import { describeKey, printKey, printKeys } from '../print-keys.js'
import { addSecretOptions, readSecret, type SecretOptions } from '../secret-options.js'

interface Filter extends ListOptions {
  owner?: string
  kind?: OwnerKind
  status?: KeyStatus
  group?: string
  search?: string
}

interface ChangeOptions extends JsonOption {
  valueFile?: string
}

interface UpdateOptions extends ChangeOptions, KeyChangeOptions, SecretOptions {
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

  addListOptions(keys.command('list').description('the keys of everybody, revoked ones too, the newest last'))
    .option('--owner <subject>', 'those of this owner', parseSubject)
    .addOption(new Option('--kind <kind>', 'of people, or of servers').choices(ownerKinds))
    .addOption(new Option('--status <status>', 'those that are so').choices(keyStatuses))
    .option('--group <id>', 'those that name this service group')
    .option('--search <text>', 'part of the name, the note, the login or the id')
    .action((options: Filter) => list(context, options))
  const about = (verb: string, description: string) =>
    keys
      .command(verb)
      .description(description)
      .argument('[key]', 'its id, or its whole value')
      .option('--value-file <file>', 'read the value from a file, or from stdin (-)')

  addJsonOption(about('show', 'all that is known of a key, but for its value')).action(
    (key: Key, options: ChangeOptions) => show(context, key, options),
  )
  const changing = addSecretOptions(
    addChangeOptions(about('update', 'change what is named, and nothing else')),
  )
  addJsonOption(changing)
    .option(
      '--grace <duration>',
      'how long the old secret goes on working (default: not at all)',
      parseDuration,
    )
    .action((key: Key, options: UpdateOptions) => update(context, key, options))
  addYesOption(addJsonOption(about('revoke', 'end a key at once; its owner cannot renew it')))
    .option('--permanent', 'for good, as for a leaked one')
    .action((key: Key, options: RevokeOptions) => revoke(context, key, options))
  addJsonOption(about('disable', 'refuse a key until an administrator enables it')).action(
    (key: Key, options: ChangeOptions) =>
      change(context, key, { enabled: false }, { ...options, outcome: 'is disabled' }),
  )
  addJsonOption(about('enable', 'let a disabled key work again')).action((key: Key, options: ChangeOptions) =>
    change(context, key, { enabled: true }, { ...options, outcome: 'is enabled' }),
  )
  addYesOption(about('delete', 'remove a key for good, a server key with its server user')).action(
    (key: Key, options: ChangeOptions & YesOption) => remove(context, key, options),
  )
}

function list(context: CommandContext, { search, json, limit, ...filter }: Filter): Promise<void> {
  return administrate(context, null, (admin) =>
    printKeys(
      context.terminal,
      admin.apiKeys.list(omitUndefined({ ...filter, q: search })),
      omitUndefined({ json, limit }),
    ),
  )
}

async function show(context: CommandContext, key: Key, { valueFile, json }: ChangeOptions): Promise<void> {
  const { terminal } = context
  const id = await chooseKey({ key, valueFile }, terminal)
  const shown = await administrate(context, `API key ${id}`, (admin) => admin.apiKeys.show(id))
  if (json) printJson(terminal, shown)
  else await printKey(terminal, shown)
}

async function update(context: CommandContext, key: Key, options: UpdateOptions): Promise<void> {
  const { secretFile, secretEncoding, grace, ...others } = options
  const { terminal } = context
  const wanted = {
    ...readKeyChange(others, terminal.clock()),
    ...(await readSecret({ secretFile, secretEncoding }, terminal)),
    ...omitUndefined({ grace_seconds: grace }),
  }
  requireChange(wanted)
  await change(context, key, wanted, { ...options, outcome: 'is changed' })
}

async function change(
  context: CommandContext,
  key: Key,
  wanted: ChangeAnyKey,
  { valueFile, json, outcome }: ChangeOptions & { outcome: string },
): Promise<void> {
  const { terminal } = context
  const id = await chooseKey({ key, valueFile }, terminal)
  const changed = await administrate(context, `API key ${id}`, (admin) => admin.apiKeys.update(id, wanted))
  const sentence = `The ${await describeKey(changed)}, ${outcome}${describeHindrance(changed)}.`
  reportChange(terminal, sentence, changed, { json })
}

async function revoke(context: CommandContext, key: Key, options: RevokeOptions): Promise<void> {
  const { valueFile, permanent = false } = options
  const { terminal } = context
  const id = await chooseKey({ key, valueFile }, terminal)
  await requireConsentFor('Revoke', id, context, options)
  const revoked = await administrate(context, `API key ${id}`, (admin) =>
    admin.apiKeys.revoke(id, { permanent }),
  )
  const outcome = permanent ? 'is revoked for good' : 'is revoked'
  reportChange(terminal, `The ${await describeKey(revoked)}, ${outcome}.`, revoked, options)
}

async function remove(
  context: CommandContext,
  key: Key,
  { valueFile, ...options }: ChangeOptions & YesOption,
): Promise<void> {
  const { terminal } = context
  const id = await chooseKey({ key, valueFile }, terminal)
  await requireConsentFor('Delete', id, context, options)
  await administrate(context, `API key ${id}`, (admin) => admin.apiKeys.delete(id))
  report(terminal, `The key ${id} is deleted.`)
}

/** By its name and its owner people recognise it; where nobody can be asked these are not needed. */
async function requireConsentFor(verb: string, id: string, context: CommandContext, options: YesOption) {
  const { terminal } = context
  const isAsked = options.yes !== true && terminal.stdin.isTTY === true
  const key = isAsked ? await administrate(context, `API key ${id}`, (admin) => admin.apiKeys.show(id)) : null
  const which = key === null ? `key ${id}` : await describeKey(key)
  await requireConsent(printable(`${verb} the ${which}?`), terminal, options)
}

/** Why a key does not work though it was not asked to. */
const describeHindrance = ({ status, enabled }: ApiKeyDocument): string =>
  status === 'active' || !enabled ? '' : `, but its status is: ${status}`
