import type { CommandContext } from '../../context.js'
import { omitUndefined } from '../../omit-undefined.js'
import { requireChange } from '../changes.js'
import type { KeyChangeOptions } from '../key-options.js'
import { readKeyChange } from '../read-key.js'
import { readSecret } from '../read-secret.js'
import type { SecretOptions } from '../secret-options.js'
import { type ChangeOptions, changeAnyKey } from './change.js'

interface UpdateOptions extends ChangeOptions, KeyChangeOptions, SecretOptions {
  /** Seconds. */
  grace?: number
}

/** Changes only the members of a key that are given. @throws CommandFailed when none is */
export async function updateAnyKey(context: CommandContext, options: UpdateOptions): Promise<void> {
  const { terminal } = context
  const change = {
    ...readKeyChange(options, terminal.clock()),
    ...(await readSecret(options, terminal)),
    ...omitUndefined({ grace_seconds: options.grace }),
  }
  requireChange(change)
  await changeAnyKey(context, options, { change, outcome: 'is changed' })
}
