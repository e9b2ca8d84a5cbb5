import { findKey, type KeyRow, replaceValue } from '../store/keys.js'
import { recordChange, requireOwnKey } from './change.js'
import type { KeyContext, Origin } from './context.js'
import { hashValue, newValue } from './value.js'

/**
 * Gives a key a new value; those before it work until the end of the grace each was given.
 * @returns the key, and the value that is never to be had again
 * @throws Problem not_found
 */
export async function rotateKey(
  context: KeyContext,
  origin: Origin,
  id: string,
  { grace_seconds: graceSeconds }: { grace_seconds: number },
): Promise<{ key: KeyRow; value: string }> {
  const { db, policy, clock, random } = context
  const value = newValue(policy.prefix, id, random)
  try {
    const key = await db.write(async (tx) => {
      const now = new Date(clock())
      const before = await requireOwnKey(tx, origin, id)
      await recordChange(tx, origin, {
        key: before,
        change: { action: 'key.rotated', details: { grace_seconds: graceSeconds } },
        now,
      })
      const oldValidUntil = new Date(now.getTime() + graceSeconds * 1000)
      await replaceValue(tx, id, { valueHash: hashValue(value), oldValidUntil, now })
      return (await findKey(tx, id)) ?? before
    })
    return { key, value }
  } finally {
    context.forget(id)
  }
}
