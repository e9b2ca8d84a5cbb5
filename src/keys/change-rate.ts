import type { Actor } from '../audit/actor.js'
import { Problem } from '../problems/problem.js'
import { findOwnChange } from '../store/audit.js'
import type { Tx } from '../store/transaction.js'
import type { KeyPolicy } from './context.js'

const hourMs = 3_600_000

/**
 * Refuses one change too many of an owner's own keys: creations, renewals, rotations and links within an hour count.
 * It counts their audit events, so the count is exact at all replicas while the owner is locked, and a
 * refused change does not count. An administrator's changes are neither refused nor counted against the owner.
 * @throws Problem rate_limited, with the seconds until the oldest of them is an hour old
 */
export async function requireChangeAllowed(
  tx: Tx,
  { policy }: { policy: Pick<KeyPolicy, 'changesPerHour'> },
  { principal: { subject }, actingAs }: Actor,
  now: Date,
): Promise<void> {
  const { changesPerHour } = policy
  if (actingAs === 'administrator' || changesPerHour === Number.POSITIVE_INFINITY) return
  const since = new Date(now.getTime() - hourMs)
  const oldest = await findOwnChange(tx, { subject, since, nth: changesPerHour })
  if (oldest === null) return
  const waitMs = Math.min(hourMs, oldest.getTime() + hourMs - now.getTime())
  throw new Problem('rate_limited', {
    detail: `You may make, renew and rotate keys and make links ${changesPerHour} times in an hour: wait as Retry-After says.`,
    headers: { 'retry-after': String(Math.max(1, Math.ceil(waitMs / 1000))) },
  })
}
