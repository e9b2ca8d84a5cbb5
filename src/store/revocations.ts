import type { AuditEntry } from './audit.js'
import { notify, notifyAll } from './notices.js'
import type { Tx } from './transaction.js'

/** The members that the audit events of one revocation have in common. */
export type RevocationEntry = Pick<AuditEntry, 'at' | 'actor' | 'address' | 'requestId' | 'details'>

/**
 * Revokes every key of an owner in an administrator's name, also the revoked ones, so that the owner cannot renew
 * them. One statement for any number of keys, with an audit event for each; the caller holds the owner.
 * @returns the ids of the keys that this changed
 */
export async function revokeKeysOf(tx: Tx, ownerSubject: string, entry: RevocationEntry): Promise<string[]> {
  const keys = await tx.$queryRaw<{ id: string }[]>`
    SELECT id FROM api_keys
    WHERE owner_subject = ${ownerSubject} AND revoked_by IS DISTINCT FROM 'administrator'`
  const ids = keys.map(({ id }) => id)
  await revoke(tx, ids, entry)
  // One notice for all of them: the caches drop an owner's keys together.
  await notify(tx, { owner: ownerSubject })
  return ids
}

/**
 * Revokes the working keys of these owners, and leaves those that were revoked before as they are. The rest as
 * `revokeKeysOf`, but the caller announces the owners.
 */
export async function revokeWorkingKeysOf(
  tx: Tx,
  ownerSubjects: readonly string[],
  entry: RevocationEntry,
): Promise<void> {
  const keys = await tx.$queryRaw<{ id: string }[]>`
    SELECT id FROM api_keys WHERE owner_subject = ANY(${[...ownerSubjects]}) AND revoked_at IS NULL`
  await revoke(
    tx,
    keys.map(({ id }) => id),
    entry,
  )
}

/** Revokes these keys in an administrator's name. The rest as `revokeKeysOf`; the caller holds all of the owners. */
export async function revokeTheseKeys(
  tx: Tx,
  wanted: readonly string[],
  entry: RevocationEntry,
): Promise<string[]> {
  const keys = await tx.$queryRaw<{ id: string }[]>`
    SELECT id FROM api_keys WHERE id = ANY(${[...wanted]}) AND revoked_by IS DISTINCT FROM 'administrator'`
  const ids = keys.map(({ id }) => id)
  await revoke(tx, ids, entry)
  await notifyAll(
    tx,
    ids.map((key) => ({ key })),
  )
  return ids
}

/** Ends links and the graces of old values too: a renewal revives a key, but nothing of what it had before. */
async function revoke(tx: Tx, ids: readonly string[], entry: RevocationEntry): Promise<void> {
  const { at, actor, address, requestId, details } = entry
  await tx.$executeRaw`
    WITH revoked AS (
      UPDATE api_keys SET revoked_at = COALESCE(revoked_at, ${at}), revoked_by = 'administrator',
        link_generation = link_generation + 1
      WHERE id = ANY(${[...ids]}) RETURNING id, owner_subject
    ), graces AS (
      UPDATE api_key_values v SET valid_until = ${at} FROM revoked
      WHERE v.key_id = revoked.id AND v.valid_until > ${at}
    )
    INSERT INTO audit_events
      (at, actor_subject, actor_login, via, actor_key_id, action, target_id, owner_subject, address, request_id, details)
    SELECT ${at}, ${actor.subject}, ${actor.login}, ${actor.via}, ${actor.keyId ?? null}, 'key.revoked', id,
      owner_subject, ${address}, ${requestId}, ${JSON.stringify(details)}::jsonb
    FROM revoked ORDER BY id`
}
