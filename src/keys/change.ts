import { Problem } from '../errors.js'
import { addAuditEntry } from '../store/audit.js'
import { countWorkingKeys, findKey, type KeyChanges, type KeyRow, type Tx, updateKey } from '../store/keys.js'
import { lockOwner } from '../store/owners.js'
import type { KeyContext, Origin } from './context.js'
import { isExpired } from './status.js'

/** What an operation does to a key, and how the ledger tells it. */
export interface Change {
  action: string
  changes: KeyChanges
  details?: Record<string, string | number | boolean | null | string[]>
}

/** Decides about a key as it is now; null leaves it so. May write what belongs to the change, or throw a Problem. */
export type Decide = (key: KeyRow, now: Date, tx: Tx) => Promise<Change | null> | Change | null

/**
 * Changes one key of the caller in one transaction: the owner is locked first, so that two changes of an
 * owner's keys never decide on the same facts; the ledger is written with it.
 * @returns the key after the change
 * @throws Problem not_found for a key that is not there or not the caller's: the two read the same
 */
export async function changeKey(
  context: KeyContext,
  origin: Origin,
  id: string,
  decide: Decide,
): Promise<KeyRow> {
  try {
    return await context.db.write(async (tx) => {
      const now = new Date(context.clock())
      const key = await requireOwnKey(tx, origin, id)
      const change = await decide(key, now, tx)
      if (change === null) return key
      await recordChange(tx, origin, { key, change, now })
      return updateKey(tx, id, change.changes)
    })
  } finally {
    context.forget(id)
  }
}

/** Locks the caller and finds their key. */
export async function requireOwnKey(tx: Tx, { principal }: Origin, id: string): Promise<KeyRow> {
  await lockOwner(tx, principal.subject)
  const key = await findKey(tx, id)
  if (key === null || key.ownerSubject !== principal.subject) throw new Problem('not_found')
  return key
}

export async function recordChange(
  tx: Tx,
  { principal, address, requestId }: Origin,
  {
    key,
    change,
    now,
  }: { key: { id: string; ownerSubject: string }; change: Omit<Change, 'changes'>; now: Date },
): Promise<void> {
  await addAuditEntry(tx, {
    at: now,
    actor: {
      subject: principal.subject,
      login: principal.login,
      via: principal.via,
      ...(principal.keyId === undefined ? {} : { keyId: principal.keyId }),
    },
    action: change.action,
    targetId: key.id,
    ownerSubject: key.ownerSubject,
    address,
    requestId,
    details: change.details ?? {},
  })
}

/**
 * Refuses one working key too many. Exact while the owner is locked.
 * @param exceptId the key that is about to work, if it is there already
 */
export async function requireRoom(
  tx: Tx,
  { policy }: KeyContext,
  { ownerSubject, now, exceptId }: { ownerSubject: string; now: Date; exceptId?: string },
): Promise<void> {
  if ((await countWorkingKeys(tx, ownerSubject, now, exceptId)) < policy.maxPerUser) return
  throw new Problem('key_limit_reached', {
    detail: `You may hold ${policy.maxPerUser} working API keys: revoke one first.`,
  })
}

/** Whether a key counts among the working ones: neither revoked nor expired, enabled or not. */
export const isWorking = (key: KeyRow, now: Date) => key.revokedAt === null && !isExpired(key, now)
