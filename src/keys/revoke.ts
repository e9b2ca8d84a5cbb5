import { endOldValues, type KeyRow } from '../store/keys.js'
import { type Change, changeKey } from './change.js'
import type { KeyContext, Origin } from './context.js'

/** Ends a key at once. A second time changes nothing, save that a revocation can be made permanent. */
export function revokeKey(
  context: KeyContext,
  origin: Origin,
  id: string,
  { permanent }: { permanent: boolean },
): Promise<KeyRow> {
  return changeKey(context, origin, id, async (key, now, tx) => {
    // A renewal revives the key, but not what was replaced before.
    await endOldValues(tx, id, now)
    return decideRevocation(key, permanent, now)
  })
}

function decideRevocation(key: KeyRow, permanent: boolean, now: Date): Change | null {
  if (key.revokedAt !== null && (key.permanentlyRevoked || !permanent)) return null
  return {
    action: 'key.revoked',
    changes: {
      revokedAt: key.revokedAt ?? now,
      // What an administrator did stays on record as theirs.
      revokedBy: key.revokedBy === 'administrator' ? 'administrator' : permanent ? 'leak' : 'owner',
      permanentlyRevoked: permanent,
    },
    details: { permanent },
  }
}
