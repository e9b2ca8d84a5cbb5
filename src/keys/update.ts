import { Problem } from '../errors.js'
import type { UpdateKey } from '../schemas/key.js'
import type { JsonObject } from '../store/keys.js'
import { isNameTaken, type KeyChanges, type KeyRow, type Tx } from '../store/keys.js'
import { type Change, changeKey, isWorking, requireRoom } from './change.js'
import type { KeyContext, Origin } from './context.js'
import { requireKeepable } from './json.js'

/** Changes what the owner may change of a key. @throws Problem not_found, name_taken, set_by_administrator, key_limit_reached */
export function updateKeyMembers(
  context: KeyContext,
  origin: Origin,
  id: string,
  wanted: UpdateKey,
): Promise<KeyRow> {
  return changeKey(context, origin, id, (key, now, tx) =>
    decideUpdate(tx, context, { hand: origin.hand ?? 'owner', key, wanted, now }),
  )
}

/** What it means for the key, as whoever has that hand. @throws Problem as `updateKeyMembers` */
export async function decideUpdate(
  tx: Tx,
  context: KeyContext,
  { hand, key, wanted, now }: { hand: 'owner' | 'administrator'; key: KeyRow; wanted: UpdateKey; now: Date },
): Promise<Change> {
  const { id, ownerSubject } = key
  if (wanted.config !== undefined) requireKeepable('config', wanted.config)
  if (wanted.name !== undefined && wanted.name !== key.name) {
    if (await isNameTaken(tx, ownerSubject, wanted.name)) throw new Problem('name_taken')
  }
  if (wanted.enabled === true && !key.enabled) {
    if (key.disabledBy === 'administrator' && hand === 'owner') throw new Problem('set_by_administrator')
    if (isWorking(key, now)) await requireRoom(tx, context, { ownerSubject, now, exceptId: id })
  }
  return {
    action: actionOf(key, wanted),
    changes: asChanges(key, wanted, hand),
    details: { changed: Object.keys(wanted).sort() },
  }
}

function actionOf(key: KeyRow, { enabled }: UpdateKey): string {
  if (enabled === undefined || enabled === key.enabled) return 'key.updated'
  return enabled ? 'key.enabled' : 'key.disabled'
}

function asChanges(key: KeyRow, wanted: UpdateKey, hand: 'owner' | 'administrator'): KeyChanges {
  const changes: KeyChanges = {}
  if (wanted.name !== undefined) changes.name = wanted.name
  if (wanted.note !== undefined) changes.note = wanted.note
  if (wanted.allowed_referers !== undefined) changes.allowedReferers = wanted.allowed_referers
  if (wanted.allowed_ips !== undefined) changes.allowedIps = wanted.allowed_ips
  // Parsed from JSON and checked by requireKeepable.
  if (wanted.config !== undefined) changes.config = wanted.config as JsonObject
  if (wanted.enabled !== undefined && wanted.enabled !== key.enabled) {
    changes.enabled = wanted.enabled
    changes.disabledBy = wanted.enabled ? null : hand
  }
  // Of a key that its owner had paused, so that they cannot go on with it.
  if (wanted.enabled === false && hand === 'administrator') changes.disabledBy = hand
  return changes
}
