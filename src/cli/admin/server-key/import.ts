import { createHash } from 'node:crypto'
import type { CommandContext } from '../../context.js'
import { CommandFailed, exitCodes } from '../../exit-codes.js'
import { printJson } from '../../json.js'
import { omitUndefined } from '../../omit-undefined.js'
import { print, printable } from '../../terminal.js'
import { readValueFile } from '../../value-file.js'
import { administrate } from '../administration.js'
import type { NewKeyOptions } from '../key-options.js'
import type { JsonOption } from '../options.js'
import { readNewKey } from '../read-key.js'
import { readSecret } from '../read-secret.js'
import type { SecretOptions } from '../secret-options.js'
import { reportMade } from './report-made.js'

interface ImportOptions extends NewKeyOptions, SecretOptions, JsonOption {
  id?: string
  valueSha256?: string
  valueFile?: string
  owner?: string
}

/** Takes over a key that was made elsewhere, and prints its id. */
export async function importKey(context: CommandContext, options: ImportOptions): Promise<void> {
  const { terminal } = context
  const { id, owner } = options
  const foreign = await readForeign(context, options)
  const wanted = { ...readNewKey(options), ...omitUndefined({ id, owner }), ...foreign }
  const key = await administrate(context, null, (admin) => admin.apiKeys.create(wanted))
  reportMade(terminal, 'Imported', key)
  if (options.json) printJson(terminal, key)
  else print(terminal, printable(key.id))
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
