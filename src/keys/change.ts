import { type Actor, describeActor } from '../audit/actor.js'
import { Problem } from '../problems/problem.js'
import { addAuditEntry } from '../store/audit.js'
import {
  countWorkingKeys,
  findKey,
  isNameTaken,
  type KeyChanges,
  type KeyRow,
  updateKey,
} from '../store/keys.js'
import { notify } from '../store/notices.js'
import { findOwnerOfKey, lockOwner, type OwnerRow } from '../store/owners.js'
import type { Tx } from '../store/transaction.js'
import type { KeyContext } from './context.js'
import { isExpired } from './status.js'

/** What an operation does to a key, and how the ledger tells it. */
export interface Change {
  action: string
  changes: KeyChanges
  details?: Details
}

type Details = Record<string, string | number | boolean | null | string[]>

/** Decides about a key as it is now; null leaves it so. May throw a Problem. */
export type Decide = (key: KeyRow, now: Date, tx: Tx) => Promise<Change | null> | Change | null

/**
 * Changes one key, of the caller's unless an administrator asks; the ledger is written in the same transaction.
 * @returns the key after the change
 * @throws Problem not_found, and what `decide` throws
 */
export function changeKey(context: KeyContext, actor: Actor, id: string, decide: Decide): Promise<KeyRow> {
  return inKeyTransaction(context, actor, id, async (key, now, tx) => {
    const change = await decide(key, now, tx)
    if (change === null) return key
    await recordChange(tx, actor, { ...change, key, now })
    return updateKey(tx, id, change.changes)
  })
}

/**
 * Works on one key in one transaction, of the caller's unless an administrator asks. The owner is locked first, so that two changes of an owner's
 * keys never decide on the same facts; the time is read after that, so that it runs in the order of the changes.
 * @throws Problem not_found for a key that is not there or not the caller's: the two read the same
 */
export async function inKeyTransaction<T>(
  context: KeyContext,
  actor: Actor,
  id: string,
  work: (key: KeyRow, now: Date, tx: Tx) => Promise<T>,
): Promise<T> {
  let mayHaveChanged = false
  try {
    return await context.db.write(async (tx) => {
      const subject = await lockOwnerFor(tx, actor, id)
      const key = await findKey(tx, id)
      if (key === null || key.ownerSubject !== subject) throw new Problem('not_found')
      mayHaveChanged = true
      return work(key, new Date(context.clock()), tx)
    })
  } finally {
    // Not for a stranger's attempt, nor when the database was down all along: the key in use must go on.
    if (mayHaveChanged) context.invalidateKey(id)
  }
}

/** Locks whose key it must be: the caller, or for an administrator its owner, who may be disabled. */
async function lockOwnerFor(tx: Tx, { principal, actingAs }: Actor, id: string): Promise<string> {
  if (actingAs === 'owner') {
    await lockEnabledOwner(tx, principal.subject)
    return principal.subject
  }
  const subject = await findOwnerOfKey(tx, id)
  if (subject === null) throw new Problem('not_found')
  await lockOwner(tx, subject)
  return subject
}

/** @throws Problem invalid_credential for an owner who is disabled, whatever their token says */
export async function lockEnabledOwner(tx: Tx, subject: string): Promise<OwnerRow | null> {
  const owner = await lockOwner(tx, subject)
  if (owner?.enabled === false) throw new Problem('invalid_credential')
  return owner
}

/** Writes a change into the ledger and announces it to the other replicas: every change of a key goes through here. */
export async function recordChange(
  tx: Tx,
  actor: Actor,
  {
    key,
    action,
    details = {},
    now,
  }: { key: { id: string; ownerSubject: string }; action: string; details?: Details; now: Date },
): Promise<void> {
  await addAuditEntry(tx, {
    ...describeActor(actor),
    at: now,
    action,
    targetId: key.id,
    ownerSubject: key.ownerSubject,
    details,
  })
  await notify(tx, { key: key.id })
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

/** Makes sure that an owner may have one more working key, of that name. @throws Problem name_taken, key_limit_reached */
export async function requirePlace(
  tx: Tx,
  context: KeyContext,
  { ownerSubject, name, now }: { ownerSubject: string; name: string; now: Date },
): Promise<void> {
  if (await isNameTaken(tx, { ownerSubject, name })) throw new Problem('name_taken')
  await requireRoom(tx, context, { ownerSubject, now })
}

/** Whether a key counts among the working ones: neither revoked nor expired, enabled or not. */
export const isWorking = (key: KeyRow, now: Date) => key.revokedAt === null && !isExpired(key, now)
