import type { Actor } from '../audit/actor.js'
import { deleteKey } from '../store/keys.js'
import { deleteOwner } from '../store/owners.js'
import { inKeyTransaction, recordChange } from './change.js'
import type { KeyContext } from './context.js'

/** Removes a key with its counters and its server user; the ledger keeps what was done with it. @throws Problem not_found */
export function removeKey(context: KeyContext, actor: Actor, id: string): Promise<void> {
  return inKeyTransaction(context, actor, id, async (key, now, tx) => {
    await recordChange(tx, actor, { key, action: 'key.deleted', details: { name: key.name }, now })
    await deleteKey(tx, id)
    // It was made for this key alone.
    if (key.owner.kind === 'server') await deleteOwner(tx, key.ownerSubject)
  })
}
