import type { Actor } from '../audit/actor.js'
import { Problem } from '../problems/problem.js'
import type { UpdateKey } from '../schemas/key.js'
import type { JsonObject } from '../store/keys.js'
import { isNameTaken, type KeyChanges, type KeyRow } from '../store/keys.js'
import type { Tx } from '../store/transaction.js'
import { type Change, changeKey, isWorking, requireRoom } from './change.js'
import type { KeyContext } from './context.js'
import { requireKeepable } from './storable-json.js'

/** Changes what the owner may change of a key. @throws Problem not_found, name_taken, set_by_administrator, key_limit_reached */
export function updateKeyMembers(
  context: KeyContext,
  actor: Actor,
  id: string,
  wanted: UpdateKey,
): Promise<KeyRow> {
  return changeKey(context, actor, id, (key, now, tx) =>
    decideUpdate(tx, context, { actingAs: actor.actingAs, key, wanted, now }),
  )
}

/** What it means for the key for an actor of that role. @throws Problem as `updateKeyMembers` */
export async function decideUpdate(
  tx: Tx,
  context: KeyContext,
  { actingAs, key, wanted, now }: { actingAs: Actor['actingAs']; key: KeyRow; wanted: UpdateKey; now: Date },
): Promise<Change> {
  const { id, ownerSubject } = key
  if (wanted.config !== undefined) requireKeepable('config', wanted.config)
  if (wanted.name !== undefined && wanted.name !== key.name) {
    if (await isNameTaken(tx, ownerSubject, wanted.name)) throw new Problem('name_taken')
  }
  if (wanted.enabled === true && !key.enabled) {
    if (key.disabledBy === 'administrator' && actingAs === 'owner') throw new Problem('set_by_administrator')
    if (isWorking(key, now)) await requireRoom(tx, context, { ownerSubject, now, exceptId: id })
  }
  return {
    action: actionOf(key, wanted),
    changes: asChanges(key, wanted, actingAs),
    details: { changed: Object.keys(wanted).sort() },
  }
}

function actionOf(key: KeyRow, { enabled }: UpdateKey): string {
  if (enabled === undefined || enabled === key.enabled) return 'key.updated'
  return enabled ? 'key.enabled' : 'key.disabled'
}

function asChanges(key: KeyRow, wanted: UpdateKey, actingAs: Actor['actingAs']): KeyChanges {
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
  // Of a key that its owner had paused, so that they cannot go on with it.
  if (wanted.enabled === false && actingAs === 'administrator') changes.disabledBy = actingAs
  return changes
}
