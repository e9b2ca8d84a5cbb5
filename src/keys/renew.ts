import type { Actor } from '../audit/actor.js'
import { Problem } from '../problems/problem.js'
import type { KeyRow } from '../store/keys.js'
import { type Change, changeKey, requireRoom } from './change.js'
import { requireChangeAllowed } from './change-rate.js'
import { dayMs, type KeyContext, type KeyPolicy, requireMayLiveForEver } from './context.js'
import { requireFuture } from './update-bounds.js'

/**
 * Gives a key a new end, and makes a revoked or expired one work again. An administrator may also renew what an
 * administrator revoked, and give any end: one that they name is then theirs, and the owner cannot move it further.
 * @throws Problem not_found, permanently_revoked, set_by_administrator, never_expires_not_allowed, key_limit_reached,
 *   rate_limited
 */
export function renewKey(
  context: KeyContext,
  actor: Actor,
  id: string,
  wanted: { expires_at?: string },
): Promise<KeyRow> {
  return changeKey(context, actor, id, async (key, now, tx) => {
    await requireChangeAllowed(tx, context, actor, now)
    if (key.permanentlyRevoked) throw new Problem('permanently_revoked')
    const decide = actor.actingAs === 'administrator' ? decideAnyRenewal : decideOwnRenewal
    const change = decide(key, wanted.expires_at, context, now)
    await requireRoom(tx, context, { ownerSubject: key.ownerSubject, now, exceptId: id })
    return change
  })
}

type DecideRenewal = (key: KeyRow, wantedEnd: string | undefined, context: KeyContext, now: Date) => Change

const decideOwnRenewal: DecideRenewal = (key, wantedEnd, context, now) => {
  if (key.revokedBy === 'administrator') throw new Problem('set_by_administrator')
  const expiresAt =
    wantedEnd === undefined
      ? nearer(defaultEnd(key, context, now), key)
      : requireEnd(wantedEnd, context.policy, now)
  requireWithinEnd(key, expiresAt, now)
  return describeRenewal(expiresAt)
}

const decideAnyRenewal: DecideRenewal = (key, wantedEnd, context, now) => {
  if (wantedEnd === undefined) return describeRenewal(defaultEnd(key, context, now))
  requireFuture(wantedEnd, now)
  return describeRenewal(new Date(wantedEnd), { expiresSetBy: 'administrator' })
}

const describeRenewal = (expiresAt: Date | null, changes: Change['changes'] = {}): Change => ({
  action: 'key.renewed',
  changes: { expiresAt, revokedAt: null, revokedBy: null, ...changes },
  details: { expires_at: expiresAt?.toISOString() ?? null },
})

function defaultEnd({ expiresAt, owner }: KeyRow, context: KeyContext, now: Date): Date | null {
  if (expiresAt !== null) return new Date(now.getTime() + context.policy.lifetimeDays * dayMs)
  // They may not be allowed any more: then renewing needs an end.
  requireMayLiveForEver(context, owner.kind)
  return null
}

/** A renewal without a time stops at the end that an administrator set. */
function nearer(end: Date | null, { expiresAt, expiresSetBy }: KeyRow): Date | null {
  if (expiresSetBy !== 'administrator' || expiresAt === null || end === null) return end
  return expiresAt < end ? expiresAt : end
}

/** An end that an administrator set may be drawn nearer, and never be moved further. */
function requireWithinEnd({ expiresAt, expiresSetBy }: KeyRow, end: Date | null, now: Date): void {
  if (expiresSetBy !== 'administrator' || expiresAt === null) return
  if (expiresAt <= now || end === null || end > expiresAt) throw new Problem('set_by_administrator')
}

function requireEnd(wantedEnd: string, policy: KeyPolicy, now: Date): Date {
  const end = new Date(wantedEnd)
  const fault = (message: string) =>
    new Problem('validation_failed', { errors: [{ path: 'expires_at', message }] })
  if (Number.isNaN(end.getTime())) throw fault('is not a time of the calendar')
  if (end <= now) throw fault('must be in the future')
  if (end.getTime() > now.getTime() + policy.maxLifetimeDays * dayMs) {
    throw fault(`must be at most ${policy.maxLifetimeDays} days from now`)
  }
  return end
}
