import type { Verdict } from '../auth/types.js'
import { Problem } from '../problems/problem.js'
import { areKeysOff } from '../store/key-switch.js'
import type { Tx } from '../store/transaction.js'

/** Whether API keys are off altogether in this process, whatever the database says. */
export interface KeySwitch {
  readonly isOff: boolean
}

const refused: Verdict = { kind: 'refused' }

/** Refuses everything while keys are off, what was being verified when they were switched off too. */
export function refuseWhileOff<Presented extends unknown[]>(
  keySwitch: KeySwitch,
  verify: (...presented: Presented) => Verdict | Promise<Verdict>,
) {
  return (...presented: Presented): Verdict | Promise<Verdict> => {
    if (keySwitch.isOff) return refused
    const verdict = verify(...presented)
    return verdict instanceof Promise
      ? verdict.then((settled) => (keySwitch.isOff ? refused : settled))
      : verdict
  }
}

/**
 * Makes sure that keys may be made now.
 * @param keySwitch left out: the database says
 * @throws Problem keys_disabled
 */
export async function requireSwitchedOn(tx: Tx, keySwitch: KeySwitch | undefined): Promise<void> {
  const isOff = keySwitch?.isOff ?? (await areKeysOff(tx))
  if (isOff) throw new Problem('keys_disabled')
}
