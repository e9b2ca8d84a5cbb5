import type { Actor } from '../audit/actor.js'
import { recordChange } from '../keys/change.js'
import { Problem } from '../problems/problem.js'
import { claimRevokedKeysOf, revokeKeysOf } from '../store/keys.js'
import { lockOwner } from '../store/owners.js'
import type { AdminContext } from './context.js'

/**
 * Revokes every key of a person at once, in one transaction; those that they had revoked themselves cannot be renewed
 * any more either.
 * @returns the ids of the keys that worked or could have been made to work again
 * @throws Problem not_found for a person who is not known
 */
export async function revokeAllKeys(context: AdminContext, actor: Actor, subject: string): Promise<string[]> {
  try {
    return await context.db.write(async (tx) => {
      const owner = await lockOwner(tx, subject)
      if (owner?.kind !== 'user') throw new Problem('not_found')
      const now = new Date(context.clock())
      const ids = [...(await claimRevokedKeysOf(tx, subject)), ...(await revokeKeysOf(tx, subject, now))]
      for (const id of ids) {
        const details = { permanent: false, all: true }
        await recordChange(tx, actor, {
          ...{ key: { id, ownerSubject: subject }, action: 'key.revoked', details, now },
        })
      }
      return ids
    })
  } finally {
    context.invalidateOwner(subject)
  }
}
