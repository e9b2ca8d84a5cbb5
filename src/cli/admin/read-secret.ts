import { omitUndefined } from '../omit-undefined.js'
import type { Terminal } from '../terminal.js'
import { readValueFile } from '../value-file.js'
import type { SecretOptions } from './secret-options.js'

/** Reads the secret of an imported key. @throws CommandFailed when the file cannot be read or holds no secret */
export async function readSecret({ secretFile, secretEncoding }: SecretOptions, terminal: Terminal) {
  const secret =
    secretFile === undefined ? undefined : await readValueFile(secretFile, terminal, '--secret-file')
  return omitUndefined({ secret, secret_encoding: secretEncoding })
}
