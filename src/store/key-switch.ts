import { notify } from './notices.js'
import type { Tx } from './transaction.js'

/** The row of the table `providers` that switches API keys. Its name on the wire too. */
export const keySwitchName = 'api-key'

/** Whether API keys are switched off. Without a row, as in a new database, they are on. */
export async function areKeysOff(tx: Pick<Tx, 'provider'>): Promise<boolean> {
  const row = await tx.provider.findUnique({ where: { name: keySwitchName } })
  return row?.disabled ?? false
}

/** Switches API keys off or on, and announces it. @returns whether that changed anything */
export async function switchKeys(tx: Tx, off: boolean): Promise<boolean> {
  await tx.$executeRaw`INSERT INTO providers (name, disabled) VALUES (${keySwitchName}, false) ON CONFLICT DO NOTHING`
  const { count } = await tx.provider.updateMany({
    where: { name: keySwitchName, disabled: !off },
    data: { disabled: off },
  })
  if (count > 0) await notify(tx, { keySwitch: true })
  return count > 0
}
