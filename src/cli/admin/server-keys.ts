import { createHash } from 'node:crypto'
import { type Command, Option } from 'commander'
import type { CreatedKey } from '../../schemas/admin.js'
import type { CommandContext } from '../context.js'
import { deliverValue } from '../deliver-value.js'
import { CommandFailed, exitCodes } from '../exit-codes.js'
import { print, tell } from '../terminal.js'
import { readValueFile } from '../value-file.js'
import { administrate } from './administration.js'
import { given } from './changes.js'
import { printJson } from './documents.js'
import { addNewKeyOptions, type NewKeyOptions, readNewKey } from './key-options.js'
import { addJsonOption, type JsonOption, readSubject } from './options.js'
import { addSecretOptions, readSecret, type SecretOptions } from './secret.js'

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

  addJsonOption(addNewKeyOptions(keys.command('create').description('print the value of a new server key')))
    .option('--scopes <right...>', 'rights of its server (default: none); the administrators’ role too')
    .action((options: CreateOptions) => create(context, options))
  addSecretOptions(addJsonOption(addNewKeyOptions(keys.command('import'))))
    .description('take over a key that was made elsewhere; print its id')
    .option('--scopes <right...>', 'rights that it may use (default: none; of a person’s key: inherit)')
    .option('--id <id>', 'its own id')
    .addOption(new Option('--value-sha256 <hash>', 'SHA-256 of its value, instead of the secret'))
    .option('--value-file <path>', 'its value, of which only the SHA-256 is sent; -: from stdin')
    .option('--owner <subject>', 'the person that it acts for (default: a server)', readSubject)
    .action((options: ImportOptions) => importKey(context, options))
}

async function create(context: CommandContext, options: CreateOptions): Promise<void> {
  const { terminal } = context
  const key = await administrate(context, null, (admin) => admin.apiKeys.create(readNewKey(options)))
  const otherwise = `\`latchkey admin api-key delete ${key.id}\`, and make another`
  tell(terminal, `Made the server key ${key.id}. ${tellEnd(key)} Its value is shown only now:`)
  const text = options.json ? JSON.stringify(key, null, 2) : String(key.value)
  await deliverValue(text, terminal, { otherwise })
}

async function importKey(context: CommandContext, options: ImportOptions): Promise<void> {
  const { terminal } = context
  const { id, owner } = options
  const wanted = { ...readNewKey(options), ...given({ id, owner }), ...(await readForeign(context, options)) }
  const key = await administrate(context, null, (admin) => admin.apiKeys.create(wanted))
  tell(terminal, `Imported the API key ${key.id} of ${key.owner.login}. ${tellEnd(key)}`)
  if (options.json) printJson(terminal, key)
  else print(terminal, key.id)
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
      ...given({ value_sha256: valueSha256 }),
    }
  }
  const value = await readValueFile(valueFile, terminal)
  return { value_sha256: createHash('sha256').update(value).digest('hex') }
}

const tellEnd = ({ expires_at }: CreatedKey) =>
  expires_at === null ? 'It never expires.' : `It ends at ${expires_at}.`
