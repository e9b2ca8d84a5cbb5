import { Problem } from '../errors.js'
import { recordChange } from '../keys/change.js'
import type { Origin } from '../keys/context.js'
import { asRow, requireSense, requireSwitchedOn } from '../keys/issue.js'
import { inherit } from '../keys/scopes.js'
import { makeValue } from '../keys/stored-value.js'
import { newKeyId } from '../keys/value.js'
import type { CreateServerKey } from '../schemas/admin.js'
import { insertKey, type KeyRow } from '../store/keys.js'
import { insertServerUser } from '../store/owners.js'
import type { AdminContext } from './context.js'

/**
 * Makes a key for a server, with a server user of its own, whose rights are the key's scopes.
 * @returns the key, and the value that is never to be had again
 * @throws Problem validation_failed, never_expires_not_allowed, keys_disabled
 */
export async function issueServerKey(
  context: AdminContext,
  origin: Origin,
  wanted: CreateServerKey,
): Promise<{ key: KeyRow; value: string }> {
  const { db, policy, clock, random } = context
  // Nobody follows a server user, so nothing but the operator's rule forbids a life without an end.
  if (wanted.never_expires && !policy.allowNeverExpires) throw new Problem('never_expires_not_allowed')
  requireServerScopes(wanted.scopes)
  requireSense(wanted, policy)
  const id = newKeyId(random)
  const { value, stored } = await makeValue(context, { id, jwt: wanted.jwt })
  const { groups, services, limits } = wanted
  const ownerSubject = `server:${id}`
  try {
    const key = await db.write(async (tx) => {
      const now = new Date(clock())
      await requireSwitchedOn(tx)
      await context.requireRegistered(tx, { groups, services })
      await insertServerUser(tx, { subject: ownerSubject, login: wanted.name, rights: wanted.scopes, now })
      const row = {
        ...asRow(wanted, { id, ownerSubject, now, policy }),
        ...{ groups, services },
        limitPerSecond: limits.per_second,
        limitPerDay: limits.per_day,
        limitPerMonth: limits.per_month,
      }
      const details = { name: wanted.name, kind: 'server', scopes: wanted.scopes, groups, services }
      await recordChange(tx, origin, { key: row, action: 'key.created', details, now })
      return insertKey(tx, row, stored)
    })
    return { key, value }
  } finally {
    context.forget(id)
  }
}

/** A server user has no rights but those that its key names. @throws Problem validation_failed */
export function requireServerScopes(scopes: readonly string[]): void {
  if (!scopes.includes(inherit)) return
  const message = `must name rights: there is nobody whose rights a server key could ${inherit}`
  throw new Problem('validation_failed', { errors: [{ path: 'scopes', message }] })
}
