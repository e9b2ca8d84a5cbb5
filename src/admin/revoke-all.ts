import { type Actor, describeActor } from '../audit/actor.js'
import { Problem } from '../problems/problem.js'
import { lockOwner } from '../store/owners.js'
import { revokeKeysOf } from '../store/revocations.js'
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
      const details = { permanent: false, all: true }
      return revokeKeysOf(tx, subject, { ...describeActor(actor), at: new Date(context.clock()), details })
    })
  } finally {
    context.invalidateOwner(subject)
  }
}
