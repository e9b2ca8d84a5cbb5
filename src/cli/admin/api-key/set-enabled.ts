import type { CommandContext } from '../../context.js'
import { type ChangeOptions, changeAnyKey } from './change.js'

interface SetEnabledOptions extends ChangeOptions {
  enabled: boolean
}

/** Refuses a key until an administrator enables it, or lets a disabled key work again. */
export function setAnyKeyEnabled(context: CommandContext, options: SetEnabledOptions): Promise<void> {
  const { enabled } = options
  const outcome = enabled ? 'is enabled' : 'is disabled'
  return changeAnyKey(context, options, { change: { enabled }, outcome })
}
