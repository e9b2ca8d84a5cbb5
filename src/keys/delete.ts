import { deleteKey } from '../store/keys.js'
import { recordChange, requireOwnKey } from './change.js'
import type { KeyContext, Origin } from './context.js'

/** Removes a key and its counters; the ledger keeps what was done with it. @throws Problem not_found */
export async function deleteOwnKey(context: KeyContext, origin: Origin, id: string): Promise<void> {
  try {
    await context.db.write(async (tx) => {
      const key = await requireOwnKey(tx, origin, id)
      await recordChange(tx, origin, {
        key,
        change: { action: 'key.deleted', details: { name: key.name } },
        now: new Date(context.clock()),
      })
      await deleteKey(tx, id)
    })
  } finally {
    context.forget(id)
  }
}
