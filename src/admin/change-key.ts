import type { Actor } from '../audit/actor.js'
import { type Change, inKeyTransaction, recordChange, requireRoom } from '../keys/change.js'
import { requireMayLiveForEver } from '../keys/context.js'
import { setImportedSecret } from '../keys/import.js'
import { decideUpdate } from '../keys/update.js'
import { Problem } from '../problems/problem.js'
import type { ChangeAnyKey } from '../schemas/admin.js'
import { type KeyChanges, type KeyRow, lockImports, updateKey } from '../store/keys.js'
import { lockServerNames } from '../store/owners.js'
import type { Tx } from '../store/transaction.js'
import type { AdminContext } from './context.js'
import { requireInheritAlone, requireServerScopes } from './import-body.js'
import { carryOver, requireServerName } from './server-user.js'

/**
 * Changes what an administrator may of any key. What that takes from its owner, its owner cannot take back.
 * @throws Problem not_found, name_taken, validation_failed, key_limit_reached, never_expires_not_allowed
 */
export async function changeAnyKey(
  context: AdminContext,
  actor: Actor,
  id: string,
  wanted: ChangeAnyKey,
): Promise<KeyRow> {
  let serverUser: string | undefined
  try {
    return await inKeyTransaction(context, actor, id, async (key, now, tx) => {
      const { name = key.name } = wanted
      if (key.owner.kind === 'server' && name !== key.name) {
        // Before what is held below, in the order in which a key is made.
        await lockServerNames(tx)
        await requireServerName(tx, name)
      }
      await requireSense(tx, context, { key, wanted, now })
      if (key.owner.kind === 'server') {
        serverUser = key.ownerSubject
        await carryOver(tx, key, wanted)
      }
      const { secret, secret_encoding: encoding = 'utf8', grace_seconds: graceSeconds = 0, ...rest } = wanted
      let changed = key
      if (secret !== undefined) {
        await lockImports(tx)
        const given = { secret, secretEncoding: encoding, graceSeconds }
        changed = await setImportedSecret(tx, { context, actor, key, now }, given)
      }
      if (Object.keys(rest).length === 0) return changed
      const change = await decideChange(tx, context, { key, wanted: rest, now })
      await recordChange(tx, actor, { ...change, key, now })
      return updateKey(tx, id, change.changes)
    })
  } finally {
    // Also where nobody knows whether it was done.
    if (serverUser !== undefined) context.invalidateOwner(serverUser)
  }
}

interface Question {
  key: KeyRow
  wanted: ChangeAnyKey
  now: Date
}

async function requireSense(tx: Tx, context: AdminContext, { key, wanted, now }: Question): Promise<void> {
  const { groups = [], services = [], scopes, expires_at: expiresAt } = wanted
  requireSecret(wanted)
  const { id, ownerSubject, owner } = key
  await context.requireRegistered(tx, { groups, services })
  if (scopes !== undefined && owner.kind === 'server') requireServerScopes(scopes)
  if (scopes !== undefined) requireInheritAlone(scopes)
  if (expiresAt === undefined) return
  if (expiresAt === null) requireMayLiveForEver(context, owner.kind)
  else requireFuture(expiresAt, now)
  // It may be an expired one, that works again.
  if (key.revokedAt === null) await requireRoom(tx, context, { ownerSubject, now, exceptId: id })
}

/** What says how a secret is to be taken needs one. */
function requireSecret({
  secret,
  secret_encoding: encoding,
  grace_seconds: graceSeconds,
}: ChangeAnyKey): void {
  if (secret !== undefined) return
  const errors = [
    ...(encoding === undefined ? [] : [{ path: 'secret_encoding', message: 'needs secret' }]),
    ...(graceSeconds === undefined ? [] : [{ path: 'grace_seconds', message: 'needs secret' }]),
  ]
  if (errors.length > 0) throw new Problem('validation_failed', { errors })
}

/** Later ones, which an offset leads to, have more digits in their year than the database and RFC 3339 take. */
const lastInstant = new Date('9999-12-31T23:59:59.999Z')

function requireFuture(wantedEnd: string, now: Date): void {
  const end = new Date(wantedEnd)
  const fault = (message: string) =>
    new Problem('validation_failed', { errors: [{ path: 'expires_at', message }] })
  if (Number.isNaN(end.getTime()) || end > lastInstant) throw fault('is not a time of the calendar')
  if (end <= now) throw fault('must be in the future: disable or revoke a key that shall end now')
}

async function decideChange(tx: Tx, context: AdminContext, { key, wanted, now }: Question): Promise<Change> {
  const { limits, read_only: readOnly, scopes, groups, services, expires_at: expiresAt, ...ofOwner } = wanted
  const update = await decideUpdate(tx, context, { actingAs: 'administrator', key, wanted: ofOwner, now })
  const changes: KeyChanges = { ...update.changes }
  if (readOnly !== undefined) changes.readOnly = readOnly
  if (scopes !== undefined) changes.scopes = scopes
  if (groups !== undefined) changes.groups = groups
  if (services !== undefined) changes.services = services
  if (limits?.per_second !== undefined) changes.limitPerSecond = limits.per_second
  if (limits?.per_day !== undefined) changes.limitPerDay = limits.per_day
  if (limits?.per_month !== undefined) changes.limitPerMonth = limits.per_month
  if (expiresAt !== undefined) {
    changes.expiresAt = expiresAt === null ? null : new Date(expiresAt)
    changes.expiresSetBy = expiresAt === null ? null : 'administrator'
  }
  return { ...update, changes, details: describe(wanted) }
}

/** What the ledger tells of it: which members, and the new bounds. */
function describe({ limits, ...wanted }: ChangeAnyKey): NonNullable<Change['details']> {
  const { scopes, groups, services, read_only, expires_at } = wanted
  const bounds = { scopes, groups, services, read_only, expires_at, ...limits }
  const given = Object.entries(bounds).filter(([, value]) => value !== undefined)
  const changed = [...Object.keys(wanted), ...(limits === undefined ? [] : ['limits'])].sort()
  return { changed, ...Object.fromEntries(given) }
}
