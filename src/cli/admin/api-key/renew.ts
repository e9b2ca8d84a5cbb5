import type { CommandContext } from '../../context.js'
import { chooseKey } from '../../key-id.js'
import { describeEnd } from '../../table.js'
import { administrate } from '../administration.js'
import { reportChange } from '../changes.js'
import { describeKey } from '../describe-key.js'
import { type ChangeOptions, describeHindrance } from './change.js'

interface RenewOptions extends ChangeOptions {
  /** Seconds from now, by the clock of this machine. */
  expiresIn?: number
  expiresAt?: string
}

/** Gives a key of anyone a new end. */
export async function renewAnyKey(context: CommandContext, options: RenewOptions): Promise<void> {
  const { terminal } = context
  const { expiresIn, expiresAt } = options
  const id = await chooseKey(options, terminal)
  const end =
    expiresIn === undefined ? expiresAt : new Date(terminal.clock() + expiresIn * 1000).toISOString()
  const renewed = await administrate(context, `API key ${id}`, (admin) =>
    admin.apiKeys.renew(id, end === undefined ? {} : { expires_at: end }),
  )
  const outcome = `is renewed. It ends: ${describeEnd(renewed.expires_at, terminal.clock())}`
  reportChange(
    terminal,
    `The ${describeKey(renewed)}, ${outcome}${describeHindrance(renewed)}.`,
    renewed,
    options,
  )
}
