import type { CommandContext } from '../context.js'
import { finishFirst } from '../finish-first.js'
import { chooseKey, type KeyChoice } from '../key-id.js'
import { describeEnd } from '../table.js'
import { report } from '../terminal.js'
import { deliverKey, describeName, hintIfUnknown } from './new-value.js'
import { requireOwn } from './require-own.js'

export interface RotateOptions extends KeyChoice {
  /** Seconds that the old value goes on working. */
  readonly grace?: number
  readonly json?: boolean
}

/** Gives a key a new value, and prints it alone. */
export async function rotateKey(context: CommandContext, options: RotateOptions): Promise<void> {
  const { terminal } = context
  const id = await chooseKey(options, terminal)
  const client = await context.connect()
  const otherwise = `rotate it again: latchkey api-key rotate ${id}`
  await finishFirst(rotateAndDeliver())

  async function rotateAndDeliver() {
    const { grace = 0 } = options
    const rotating = client.apiKeys.rotate(id, { grace_seconds: grace })
    rotating.catch((error) => hintIfUnknown(error, terminal, `Then the old value has ended; ${otherwise}`))
    const key = await requireOwn(id, rotating)
    const [old] = key.previous_values
    const fate = old === undefined ? 'has ended' : `ends: ${describeEnd(old.valid_until, terminal.clock())}`
    report(terminal, `The key ${id}, ${describeName(key)}, has a new value. The old one ${fate}.`)
    report(terminal, 'Keep the new one now, it is not shown again:')
    await deliverKey(key, context, { ...options, otherwise })
  }
}
