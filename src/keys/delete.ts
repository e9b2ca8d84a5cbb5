import { deleteKey } from '../store/keys.js'
import { deleteOwner } from '../store/owners.js'
import { recordChange, withKey } from './change.js'
import type { KeyContext, Origin } from './context.js'

/** Removes a key with its counters and its server user; the ledger keeps what was done with it. @throws Problem not_found */
export function removeKey(context: KeyContext, origin: Origin, id: string): Promise<void> {
  return withKey(context, origin, id, async (key, now, tx) => {
    await recordChange(tx, origin, { key, action: 'key.deleted', details: { name: key.name }, now })
    await deleteKey(tx, id)
    // It was made for this key alone.
    if (key.owner.kind === 'server') await deleteOwner(tx, key.ownerSubject)
  })
}
