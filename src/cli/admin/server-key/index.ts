import { createHash } from 'node:crypto'
import type { Command } from 'commander'
import type { CreatedKey } from '../../../schemas/admin.js'
import type { CommandContext } from '../../context.js'
import { deliverValue } from '../../deliver-value.js'
import { CommandFailed, exitCodes } from '../../exit-codes.js'
import { finishFirst } from '../../finish-first.js'
import { printJson, writeJson } from '../../json.js'
import { omitUndefined } from '../../omit-undefined.js'
import { print, printable, report, type Terminal } from '../../terminal.js'
import { readValueFile } from '../../value-file.js'
import { administrate } from '../administration.js'
import { addNewKeyOptions, type NewKeyOptions, readNewKey } from '../key-options.js'
import { addJsonOption, type JsonOption, parseSubject } from '../options.js'
import { describeKey } from '../print-keys.js'
import { addSecretOptions, readSecret, type SecretOptions } from '../secret-options.js'

interface CreateOptions extends NewKeyOptions, JsonOption {}

interface ImportOptions extends CreateOptions, SecretOptions {
  id?: string
  valueSha256?: string
  valueFile?: string
  owner?: string
}

/** `latchkey admin server-key …`: keys that belong to no person. */
export function addServerKeyCommands(admin: Command, context: CommandContext): void {
  const keys = admin
    .command('server-key')
    .alias('server_key')
    .description('make keys for servers; they are listed, changed and revoked with `admin api-key`')

  const making = addNewKeyOptions(keys.command('create'))
    .description('make a key; its value, shown only now, is all that stdout holds')
    .option('--scopes <right...>', 'rights of its server (default: none); the administrators’ role too')
  addJsonOption(making).action((options: CreateOptions) => create(context, options))

  const importing = addNewKeyOptions(addForeignOptions(keys.command('import')))
    .description('take over a key that was made elsewhere; print its id')
    .option('--scopes <right...>', 'rights that it may use (default: none; of a person’s key: inherit)')
    .option('--owner <subject>', 'the person that it acts for (default: a server)', parseSubject)
  addJsonOption(importing).action((options: ImportOptions) => importKey(context, options))
}

const addForeignOptions = (command: Command): Command =>
  addSecretOptions(command.option('--id <id>', 'its own id'))
    .option('--value-file <file>', 'read its value from a file, or from stdin (-): only its SHA-256 is sent')
    .option('--value-sha256 <hash>', 'SHA-256 of its value')

async function create(context: CommandContext, options: CreateOptions): Promise<void> {
  const { terminal } = context
  // Whoever presses Ctrl-C meanwhile would have a key and not know of it.
  await finishFirst(
    administrate(context, null, async (admin) => {
      const { hintIfUnknown } = await import('../../api-key/new-value.js')
      const making = admin.apiKeys.create(readNewKey(options))
      making.catch((error) => hintIfUnknown(error, terminal, adviseToLook(options)))
      await deliver(context, await making, options)
    }),
  )
}

const adviseToLook = ({ name }: CreateOptions) =>
  `Look for the name "${name}" in latchkey admin api-key list, and delete that key.`

async function deliver({ terminal }: CommandContext, key: CreatedKey, { json }: JsonOption): Promise<void> {
  await reportMade(terminal, 'Made', key)
  report(terminal, 'Keep its value now, it is not shown again:')
  const otherwise = `delete it: latchkey admin api-key delete ${key.id}`
  await deliverValue(json ? writeJson(key) : String(key.value), terminal, { otherwise })
}

async function importKey(context: CommandContext, options: ImportOptions): Promise<void> {
  const { terminal } = context
  const { id, owner } = options
  const foreign = await readForeign(context, options)
  const wanted = { ...readNewKey(options), ...omitUndefined({ id, owner }), ...foreign }
  const key = await administrate(context, null, (admin) => admin.apiKeys.create(wanted))
  await reportMade(terminal, 'Imported', key)
  if (options.json) printJson(terminal, key)
  else print(terminal, printable(key.id))
}

async function reportMade(terminal: Terminal, verb: string, key: CreatedKey): Promise<void> {
  const { describeEnd } = await import('../../table.js')
  const end = describeEnd(key.expires_at, terminal.clock())
  report(terminal, printable(`${verb} the ${await describeKey(key)}. It ends: ${end}.`))
}

/** The secret, or a hash of the whole value. @throws CommandFailed unless it is one of them */
async function readForeign({ terminal }: CommandContext, options: ImportOptions) {
  const { secretFile, secretEncoding, valueSha256, valueFile } = options
  const sources = [secretFile, valueSha256, valueFile].filter((source) => source !== undefined)
  if (sources.length !== 1) {
    throw new CommandFailed(
      exitCodes.usage,
      'say what the key is by one of --secret-file, --value-sha256 and --value-file',
    )
  }
  if (valueFile === undefined) {
    return {
      ...(await readSecret({ secretFile, secretEncoding }, terminal)),
      ...omitUndefined({ value_sha256: valueSha256 }),
    }
  }
  const value = await readValueFile(valueFile, terminal)
  return { value_sha256: createHash('sha256').update(value).digest('hex') }
}
