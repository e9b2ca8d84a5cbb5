import type { CommandContext } from '../context.js'
import { type ChangeOptions, changeKey } from './change.js'

export interface RevokeOptions extends ChangeOptions {
  readonly permanent?: boolean
}

/** Ends a key at once. */
export function revokeKey(context: CommandContext, options: RevokeOptions): Promise<void> {
  const { permanent = false } = options
  return changeKey(context, options, {
    request: (keys, id) => keys.revoke(id, { permanent }),
    describe: () => (permanent ? 'is revoked for good' : 'is revoked'),
  })
}
