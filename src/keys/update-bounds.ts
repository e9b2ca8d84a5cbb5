import { Problem } from '../problems/problem.js'
import type { ChangeAnyKey } from '../schemas/admin.js'
import type { KeyChanges, KeyRow } from '../store/keys.js'
import type { Tx } from '../store/transaction.js'
import { type Change, requireRoom } from './change.js'
import { type KeyContext, requireMayLiveForEver } from './context.js'
import { findScopeFaults } from './scopes.js'
import { requireServerScopes } from './server-user.js'

/** Checks the members that only administrators may name. @throws Problem validation_failed, key_limit_reached, never_expires_not_allowed */
export async function requireBounds(
  tx: Tx,
  context: KeyContext,
  { key, wanted, now }: { key: KeyRow; wanted: ChangeAnyKey; now: Date },
): Promise<void> {
  const { groups = [], services = [], scopes, expires_at: expiresAt } = wanted
  requireSecret(wanted)
  const { id, ownerSubject, owner } = key
  if (groups.length + services.length > 0) await context.requireRegistered(tx, { groups, services })
  if (scopes !== undefined) requireScopes(scopes, owner.kind)
  if (expiresAt === undefined) return
  if (expiresAt === null) requireMayLiveForEver(context, owner.kind)
  else requireFuture(expiresAt, now)
  // An expired key that works again needs room among its owner's working keys.
  if (key.revokedAt === null) await requireRoom(tx, context, { ownerSubject, now, exceptId: id })
}

function requireScopes(scopes: readonly string[], kind: 'user' | 'server'): void {
  if (kind === 'server') requireServerScopes(scopes)
  const errors = findScopeFaults(scopes)
  if (errors.length > 0) throw new Problem('validation_failed', { errors })
}

/** Members that say how a secret is to be taken need one. */
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

/** Later instants, which an offset leads to, have more digits in their year than the database and RFC 3339 take. */
const lastInstant = new Date('9999-12-31T23:59:59.999Z')

/** @throws Problem validation_failed */
export function requireFuture(wantedEnd: string, now: Date): void {
  const end = new Date(wantedEnd)
  const fault = (message: string) =>
    new Problem('validation_failed', { errors: [{ path: 'expires_at', message }] })
  if (Number.isNaN(end.getTime()) || end > lastInstant) throw fault('is not a time of the calendar')
  if (end <= now) throw fault('must be in the future: disable or revoke a key that shall end now')
}

/** The columns of the members that only administrators may name. */
export function asBoundChanges(wanted: ChangeAnyKey): KeyChanges {
  const { limits, read_only: readOnly, scopes, groups, services, expires_at: expiresAt } = wanted
  const changes: KeyChanges = {}
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
  return changes
}

/** What the audit record tells of an update: the names of the changed members, and the new bounds. */
export function describeUpdate({ limits, ...wanted }: ChangeAnyKey): NonNullable<Change['details']> {
  const { scopes, groups, services, read_only, expires_at } = wanted
  const bounds = { scopes, groups, services, read_only, expires_at, ...limits }
  const given = Object.entries(bounds).filter(([, value]) => value !== undefined)
  const changed = [...Object.keys(wanted), ...(limits === undefined ? [] : ['limits'])].sort()
  return { changed, ...Object.fromEntries(given) }
}
