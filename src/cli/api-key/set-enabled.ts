import type { CommandContext } from '../context.js'
import { type ChangeOptions, changeKey, describeHindrance } from './change.js'

export interface SetEnabledOptions extends ChangeOptions {
  readonly enabled: boolean
}

/** Pauses a key, or lets a paused key work again. */
export function setKeyEnabled(context: CommandContext, options: SetEnabledOptions): Promise<void> {
  const { enabled } = options
  return changeKey(context, options, {
    request: (keys, id) => keys.update(id, { enabled }),
    describe: (key) => (enabled ? `is enabled${describeHindrance(key)}` : 'is disabled'),
  })
}
