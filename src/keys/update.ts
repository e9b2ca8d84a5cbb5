import type { Actor } from '../audit/actor.js'
import { Problem } from '../problems/problem.js'
import type { ChangeAnyKey } from '../schemas/admin.js'
import { type UpdateKey, updateKeySchema } from '../schemas/key.js'
import type { JsonObject } from '../store/keys.js'
import { isNameTaken, type KeyChanges, type KeyRow, lockImports, updateKey } from '../store/keys.js'
import type { Tx } from '../store/transaction.js'
import { inKeyTransaction, isWorking, recordChange, requireRoom } from './change.js'
import type { KeyContext } from './context.js'
import { setImportedSecret } from './import.js'
import { requireNotOwnSecret, requireNotOwnValue } from './own-value.js'
import { lockNewName, updateServerUserOf } from './server-user.js'
import { requireKeepable } from './storable-json.js'
import { asBoundChanges, describeUpdate, requireBounds } from './update-bounds.js'

/** A key that is to be changed, in a transaction that holds its owner. */
interface Update {
  actor: Actor
  key: KeyRow
  wanted: ChangeAnyKey
  now: Date
}

/**
 * Changes what is named of a key, and nothing else. What an administrator takes from its owner, its owner cannot take
 * back.
 * @throws Problem not_found, name_taken, set_by_administrator, key_limit_reached, validation_failed, id_taken,
 *   never_expires_not_allowed
 */
export async function updateKeyMembers(
  context: KeyContext,
  actor: Actor,
  id: string,
  wanted: UpdateKey | ChangeAnyKey,
): Promise<KeyRow> {
  requireNameable(wanted, actor)
  let serverUser: string | undefined
  try {
    return await inKeyTransaction(context, actor, id, async (key, now, tx) => {
      if (key.owner.kind === 'server') serverUser = key.ownerSubject
      return applyUpdate(tx, context, { actor, key, wanted, now })
    })
  } finally {
    // Also where it is not known whether the transaction was committed.
    if (serverUser !== undefined) context.invalidateOwner(serverUser)
  }
}

/** Owners change the members of `UpdateKey` alone, also where a route takes more. @throws Problem validation_failed */
function requireNameable(wanted: object, { actingAs }: Actor): void {
  if (actingAs === 'administrator') return
  const foreign = Object.keys(wanted).filter((name) => !Object.hasOwn(updateKeySchema.properties, name))
  if (foreign.length === 0) return
  const errors = foreign.map((path) => ({ path, message: 'is not a known member' }))
  throw new Problem('validation_failed', { errors })
}

async function applyUpdate(
  tx: Tx,
  context: KeyContext,
  { actor, key, wanted, now }: Update,
): Promise<KeyRow> {
  await lockNewName(tx, key, wanted.name)
  await requireBounds(tx, context, { key, wanted, now })
  await updateServerUserOf(tx, key, wanted)
  const {
    secret,
    secret_encoding: secretEncoding = 'utf8',
    grace_seconds: graceSeconds = 0,
    ...rest
  } = wanted
  let changed = key
  if (secret !== undefined) {
    await lockImports(tx)
    const given = { secret, secretEncoding, graceSeconds }
    const { name, note, config, scopes } = key
    requireNotOwnSecret({ name, note, config, scopes, ...rest }, { id: key.id, secret })
    changed = await setImportedSecret(tx, { context, actor, key, now }, given)
  }
  if (Object.keys(rest).length === 0) return changed
  await requireOwnerMembers(tx, context, { actor, key, wanted: rest, now })
  requireNotOwnValue(rest, { id: key.id, hashes: changed.values.map(({ hash }) => hash) })
  const changes = { ...asOwnerChanges(key, rest, actor.actingAs), ...asBoundChanges(rest) }
  await recordChange(tx, actor, { key, now, action: actionOf(key, rest), details: describeUpdate(rest) })
  return updateKey(tx, key.id, changes)
}

/** @throws Problem validation_failed, name_taken, set_by_administrator, key_limit_reached */
async function requireOwnerMembers(
  tx: Tx,
  context: KeyContext,
  { actor, key, wanted, now }: Update,
): Promise<void> {
  const { id, ownerSubject } = key
  if (wanted.config !== undefined) requireKeepable('config', wanted.config)
  if (wanted.name !== undefined && wanted.name !== key.name) {
    if (await isNameTaken(tx, { ownerSubject, name: wanted.name, exceptId: id }))
      throw new Problem('name_taken')
  }
  if (wanted.enabled === true && !key.enabled) {
    if (key.disabledBy === 'administrator' && actor.actingAs === 'owner')
      throw new Problem('set_by_administrator')
    if (isWorking(key, now)) await requireRoom(tx, context, { ownerSubject, now, exceptId: id })
  }
}

function actionOf(key: KeyRow, { enabled }: UpdateKey): string {
  if (enabled === undefined || enabled === key.enabled) return 'key.updated'
  return enabled ? 'key.enabled' : 'key.disabled'
}

function asOwnerChanges(key: KeyRow, wanted: UpdateKey, actingAs: Actor['actingAs']): KeyChanges {
  const changes: KeyChanges = {}
  if (wanted.name !== undefined) changes.name = wanted.name
  if (wanted.note !== undefined) changes.note = wanted.note
  if (wanted.allowed_referers !== undefined) changes.allowedReferers = wanted.allowed_referers
  if (wanted.allowed_ips !== undefined) changes.allowedIps = wanted.allowed_ips
  // Parsed from JSON and checked by requireKeepable.
  if (wanted.config !== undefined) changes.config = wanted.config as JsonObject
  if (wanted.enabled !== undefined && wanted.enabled !== key.enabled) {
    changes.enabled = wanted.enabled
    changes.disabledBy = wanted.enabled ? null : actingAs
  }
  // An administrator also takes over a key that its owner had disabled, so that its owner cannot enable it.
  if (wanted.enabled === false && actingAs === 'administrator') changes.disabledBy = actingAs
  return changes
}
