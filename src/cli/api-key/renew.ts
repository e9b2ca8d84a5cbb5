import type { CommandContext } from '../context.js'
import { describeEnd } from '../table.js'
import { type ChangeOptions, changeKey, describeHindrance } from './change.js'

export interface RenewOptions extends ChangeOptions {
  /** Seconds from now, by the clock of this machine. */
  readonly expiresIn?: number
  readonly expiresAt?: string
}

/** Gives a key a new end. */
export function renewKey(context: CommandContext, options: RenewOptions): Promise<void> {
  const now = context.terminal.clock()
  const { expiresIn, expiresAt } = options
  const end = expiresIn === undefined ? expiresAt : new Date(now + expiresIn * 1000).toISOString()
  return changeKey(context, options, {
    request: (keys, id) => keys.renew(id, end === undefined ? {} : { expires_at: end }),
    describe: (key) => `is renewed. It ends: ${describeEnd(key.expires_at, now)}${describeHindrance(key)}`,
  })
}
