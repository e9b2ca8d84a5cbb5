import { type Command, Option } from 'commander'
import { secretEncodings } from '../../schemas/enums.js'

/** Of a key that was made elsewhere. */
export interface SecretOptions {
  secretFile?: string | undefined
  secretEncoding?: (typeof secretEncodings)[number] | undefined
}

/** There is no option that takes the secret itself: others on this machine could read it in the process list. */
export const addSecretOptions = (command: Command): Command =>
  command
    .option('--secret-file <file>', 'read the secret of an imported key from a file, or from stdin (-)')
    .addOption(
      new Option('--secret-encoding <encoding>', 'of the secret, for the JWTs that it signs').choices(
        secretEncodings,
      ),
    )
