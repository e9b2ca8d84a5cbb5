import { deleteKey } from '../store/keys.js'
import { recordChange, withOwnKey } from './change.js'
import type { KeyContext, Origin } from './context.js'

/** Removes a key and its counters; the ledger keeps what was done with it. @throws Problem not_found */
export function deleteOwnKey(context: KeyContext, origin: Origin, id: string): Promise<void> {
  return withOwnKey(context, origin, id, async (key, now, tx) => {
    await recordChange(tx, origin, { key, action: 'key.deleted', details: { name: key.name }, now })
    await deleteKey(tx, id)
  })
}
