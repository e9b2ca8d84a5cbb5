import { type Actor, describeActor } from '../audit/actor.js'
import { Problem } from '../problems/problem.js'
import { findKeys, type KeyRow } from '../store/keys.js'
import { lockOwnersOfKeys } from '../store/owners.js'
import { revokeTheseKeys } from '../store/revocations.js'
import type { AdminContext } from './context.js'

/**
 * Revokes these keys of anyone in one transaction, all of them or none. A key that is already revoked is treated as by
 * a revocation of it alone: it becomes an administrator's, and a second time changes nothing.
 * @param named may hold an id twice
 * @returns the ids of the keys that this changed, and each key as it is now, in the order of `named`
 * @throws Problem not_found, which names the place of every id of no key
 */
export async function revokeNamedKeys(
  context: AdminContext,
  actor: Actor,
  named: readonly string[],
): Promise<{ revoked: string[]; keys: KeyRow[] }> {
  const ids = [...new Set(named)]
  let mayHaveChanged = false
  try {
    return await context.db.write(async (tx) => {
      const known = new Set(await lockOwnersOfKeys(tx, ids))
      requireKnown(named, known)
      mayHaveChanged = true
      const at = new Date(context.clock())
      const details = { permanent: false }
      const revoked = new Set(await revokeTheseKeys(tx, ids, { ...describeActor(actor), at, details }))
      return { revoked: ids.filter((id) => revoked.has(id)), keys: await findKeys(tx, ids) }
    })
  } finally {
    // Also where it is not known whether the transaction was committed.
    if (mayHaveChanged) for (const id of ids) context.invalidateKey(id)
  }
}

/** Names places instead of ids, because a caller may have sent the value of a key in the place of its id. */
function requireKnown(named: readonly string[], known: ReadonlySet<string>): void {
  const places = named.flatMap((id, at) => (known.has(id) ? [] : [`ids.${at}`]))
  if (places.length === 0) return
  const others = places.length > maxNamed ? ` and ${places.length - maxNamed} more` : ''
  throw new Problem('not_found', {
    detail: `There is no key with the id at ${places.slice(0, maxNamed).join(', ')}${others}. No key was revoked.`,
  })
}

const maxNamed = 10
