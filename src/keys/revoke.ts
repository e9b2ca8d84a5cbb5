import type { Actor } from '../audit/actor.js'
import { endOldValues, type KeyRow } from '../store/keys.js'
import { type Change, changeKey } from './change.js'
import type { KeyContext } from './context.js'

/**
 * Ends a key at once. A second time changes nothing, save that a revocation can be made permanent, or an
 * administrator's.
 */
export function revokeKey(
  context: KeyContext,
  actor: Actor,
  id: string,
  { permanent }: { permanent: boolean },
): Promise<KeyRow> {
  return changeKey(context, actor, id, async (key, now, tx) => {
    // A renewal revives the key, but not what was replaced before.
    await endOldValues(tx, id, now)
    return decideRevocation(key, permanent, actor.actingAs, now)
  })
}

function decideRevocation(
  key: KeyRow,
  permanent: boolean,
  actingAs: Actor['actingAs'],
  now: Date,
): Change | null {
  const isMore =
    (permanent && !key.permanentlyRevoked) || (actingAs !== 'owner' && key.revokedBy !== actingAs)
  if (key.revokedAt !== null && !isMore) return null
  return {
    action: 'key.revoked',
    changes: {
      revokedAt: key.revokedAt ?? now,
      // What an administrator did stays on record as theirs, and its owner cannot undo it.
      revokedBy: [actingAs, key.revokedBy].includes('administrator')
        ? 'administrator'
        : permanent
          ? 'leak'
          : 'owner',
      permanentlyRevoked: permanent || key.permanentlyRevoked,
      // A renewal revives the key, but none of its links.
      linkGeneration: { increment: 1 },
    },
    details: { permanent },
  }
}
