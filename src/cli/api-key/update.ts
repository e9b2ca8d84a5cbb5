import type { UpdateKey } from '../../client/index.js'
import type { CommandContext } from '../context.js'
import { CommandFailed, exitCodes } from '../exit-codes.js'
import { omitUndefined } from '../omit-undefined.js'
import { type ChangeOptions, changeKey } from './change.js'

export interface UpdateOptions extends ChangeOptions {
  readonly name?: string
  readonly note?: string
  /** False: any. */
  readonly allowedIps?: string[] | false
  /** False: any. */
  readonly allowedReferers?: string[] | false
  readonly config?: Record<string, unknown>
}

/** Changes only the members of a key that are given. @throws CommandFailed when none is */
export async function updateKey(context: CommandContext, options: UpdateOptions): Promise<void> {
  const wanted: UpdateKey = omitUndefined({
    name: options.name,
    note: options.note,
    allowed_ips: options.allowedIps === false ? [] : options.allowedIps,
    allowed_referers: options.allowedReferers === false ? [] : options.allowedReferers,
    config: options.config,
  })
  if (Object.keys(wanted).length === 0) {
    throw new CommandFailed(exitCodes.usage, 'what shall change? See latchkey api-key update --help')
  }
  return changeKey(context, options, {
    request: (keys, id) => keys.update(id, wanted),
    describe: () => 'is changed',
  })
}
