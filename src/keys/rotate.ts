import type { Actor } from '../audit/actor.js'
import { Problem } from '../problems/problem.js'
import { type KeyRow, replaceValue } from '../store/keys.js'
import { inKeyTransaction, recordChange } from './change.js'
import { requireChangeAllowed } from './change-rate.js'
import type { KeyContext } from './context.js'
import { makeValue } from './stored-value.js'

/** Each value that still works is one more to compare with at a check. */
const maxOldValues = 10

/**
 * Gives a key a new value. The one before works until the end of the grace, and none that is older for longer: with
 * no grace only the new value works.
 * @returns the key, and the value that is never to be had again
 * @throws Problem not_found, rate_limited, validation_failed for one value in its grace too many,
 *   not_authorized_here for an administrator who rotates the key of a person
 */
export async function rotateKey(
  context: KeyContext,
  actor: Actor,
  id: string,
  { grace_seconds: graceSeconds }: { grace_seconds: number },
): Promise<{ key: KeyRow; value: string }> {
  return inKeyTransaction(context, actor, id, async (before, now, tx) => {
    requireOwnValue(before, actor)
    await requireChangeAllowed(tx, context, actor, now)
    if (graceSeconds > 0) requireRoomForOldValue(before, now)
    const { value, stored } = await makeValue(context, before)
    const details = { grace_seconds: graceSeconds }
    await recordChange(tx, actor, { key: before, action: 'key.rotated', details, now })
    const oldValidUntil = new Date(now.getTime() + graceSeconds * 1000)
    return { key: await replaceValue(tx, id, { value: stored, oldValidUntil, now }), value }
  })
}

/** An administrator who saw the new value of a person's key could act as that person. @throws Problem not_authorized_here */
function requireOwnValue({ owner }: KeyRow, { actingAs }: Actor): void {
  if (actingAs === 'owner' || owner.kind === 'server') return
  throw new Problem('not_authorized_here', {
    detail: 'This is the key of a person, and only that person may have its value: revoke it instead.',
  })
}

/** @throws Problem validation_failed for one value in its grace too many */
export function requireRoomForOldValue({ values }: KeyRow, now: Date): void {
  const old = values.filter(({ validUntil }) => validUntil !== null && validUntil > now)
  if (old.length < maxOldValues) return
  const message = `must be 0 while ${maxOldValues} old values still work`
  throw new Problem('validation_failed', { errors: [{ path: 'grace_seconds', message }] })
}
