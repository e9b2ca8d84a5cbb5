import { deliverKey, hintIfUnknown } from '../../api-key/new-value.js'
import type { CommandContext } from '../../context.js'
import { finishFirst } from '../../finish-first.js'
import { chooseKey, type KeyChoice } from '../../key-id.js'
import { describeEnd } from '../../table.js'
import { report } from '../../terminal.js'
import { administrate } from '../administration.js'
import { describeKey } from '../describe-key.js'

interface RotateOptions extends KeyChoice {
  /** Seconds that the old value goes on working. */
  grace?: number
  json?: boolean
}

/** Gives the key of a server a new value, and prints only that. */
export async function rotateServerKey(context: CommandContext, options: RotateOptions): Promise<void> {
  const { terminal } = context
  const { grace = 0 } = options
  const id = await chooseKey(options, terminal)
  const otherwise = `rotate it again: latchkey admin server-key rotate ${id}`
  // Ctrl-C waits, because the old value may have ended and the new one was not shown.
  await finishFirst(
    administrate(context, `API key ${id}`, async (admin) => {
      const rotating = admin.apiKeys.rotate(id, { grace_seconds: grace })
      rotating.catch((error) => hintIfUnknown(error, terminal, `Then the old value has ended; ${otherwise}`))
      const key = await rotating
      const [old] = key.previous_values
      const fate = old === undefined ? 'has ended' : `ends: ${describeEnd(old.valid_until, terminal.clock())}`
      report(terminal, `The ${describeKey(key)}, has a new value. The old one ${fate}.`)
      report(terminal, 'Keep the new one now, it is not shown again:')
      await deliverKey(key, context, { ...options, otherwise })
    }),
  )
}
