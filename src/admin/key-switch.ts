import type { Actor } from '../audit/actor.js'
import { record } from '../audit/record.js'
import { Problem } from '../problems/problem.js'
import type { Provider } from '../schemas/admin.js'
import { areKeysOff, keySwitchName, switchKeys } from '../store/key-switch.js'
import type { AdminContext } from './context.js'

const describe = (disabled: boolean): Provider => ({ name: keySwitchName, type: keySwitchName, disabled })

/** As the file says, where there is one. */
export async function showKeySwitch({ db, keySwitch }: AdminContext): Promise<Provider> {
  return describe(keySwitch?.isOff ?? (await areKeysOff(db.prisma)))
}

/**
 * Switches API keys off or on, all at once. Off, every key is refused as an unknown one is, and none can be made.
 * @throws Problem set_by_file where a file does that
 */
export async function setKeySwitch(context: AdminContext, actor: Actor, wanted: Provider): Promise<Provider> {
  if (context.keySwitch !== undefined) throw new Problem('set_by_file')
  const { disabled } = wanted
  try {
    await context.db.write(async (tx) => {
      if (!(await switchKeys(tx, disabled))) return
      await record(tx, context, actor, {
        action: disabled ? 'provider.disabled' : 'provider.enabled',
        targetId: keySwitchName,
        ownerSubject: '',
        details: {},
      })
    })
  } finally {
    // Also where nobody knows whether it was done.
    context.invalidateAllKeys()
  }
  return describe(disabled)
}
