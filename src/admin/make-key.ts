import type { Actor } from '../audit/actor.js'
import { recordChange, requirePlace } from '../keys/change.js'
import { requireMayLiveForEver } from '../keys/context.js'
import { type PreparedImport, prepareImport, requireNew } from '../keys/import.js'
import { asRow, holdDefaultGroups, requireSense } from '../keys/issue.js'
import { requireSwitchedOn } from '../keys/key-switch.js'
import { inherit } from '../keys/scopes.js'
import { makeValue } from '../keys/stored-value.js'
import { newKeyId } from '../keys/value.js'
import { Problem } from '../problems/problem.js'
import type { CreateAnyKey } from '../schemas/admin.js'
import { asLimitColumns } from '../schemas/limits.js'
import { insertKey, type KeyRow, lockImports } from '../store/keys.js'
import { lockOwner, lockServerNames } from '../store/owners.js'
import type { Tx } from '../store/transaction.js'
import type { AdminContext } from './context.js'
import { readImport, requireServerScopes } from './import-body.js'
import { makeServerUser } from './server-user.js'

type Prepared = Omit<PreparedImport, 'imported'> & { imported: boolean; value: string | null }

/**
 * Makes a key for a server, with a server user of its own whose rights are the key's scopes; or takes over a key that
 * was made elsewhere, for a server or for a person.
 * @returns the key, and the value that is never to be had again; null for one that was made elsewhere
 * @throws Problem validation_failed, never_expires_not_allowed, keys_disabled, id_taken, name_taken, key_limit_reached
 */
export async function makeKey(
  context: AdminContext,
  actor: Actor,
  body: CreateAnyKey,
): Promise<{ key: KeyRow; value: string | null }> {
  const { policy } = context
  const { owner, scopes = owner === undefined ? [] : [inherit], groups, services, limits } = body
  const wanted = { ...body, scopes }
  if (owner === undefined) requireServerScopes(scopes)
  requireSense(wanted, policy)
  if (wanted.never_expires) requireMayLiveForEver(context, owner === undefined ? 'server' : 'user')
  const prepared = await prepare(context, wanted)
  const { id, imported, jwt } = prepared
  const ownerSubject = owner ?? `server:${id}`
  try {
    const key = await context.db.write(async (tx) => {
      await requireSwitchedOn(tx, context.keySwitch)
      // The owner before all else, as in every change of a key: two that lock in another order wait for each other.
      if (owner !== undefined) await requirePerson(tx, owner)
      else await lockServerNames(tx)
      await context.requireRegistered(tx, { groups, services })
      if (imported) {
        await lockImports(tx)
        await requireNew(tx, { ...prepared, imported })
      }
      // Read while the owner is locked, so that later keys have later times.
      const now = new Date(context.clock())
      if (owner !== undefined) await requirePlace(tx, context, { ownerSubject, name: wanted.name, now })
      else await makeServerUser(tx, { subject: ownerSubject, login: wanted.name, rights: scopes, now })
      const namesNone = groups.length === 0 && services.length === 0
      // A person's key that names nothing is for all services, unless the operator narrows it.
      const authorized = owner !== undefined && namesNone ? await holdDefaultGroups(tx, policy) : groups
      const row = {
        ...asRow(wanted, { id, ownerSubject, now, policy }),
        ...{ groups: authorized, services, jwt, imported },
        ...asLimitColumns(limits),
      }
      const action = imported ? 'key.imported' : 'key.created'
      const kind = owner === undefined ? 'server' : 'user'
      const details = { name: wanted.name, kind, scopes, groups: authorized, services }
      await recordChange(tx, actor, { key: row, action, details, now })
      return insertKey(tx, row, prepared.stored)
    })
    return { key, value: prepared.value }
  } finally {
    context.invalidateKey(id)
  }
}

async function prepare(context: AdminContext, wanted: CreateAnyKey): Promise<Prepared> {
  const foreign = readImport(wanted)
  if (foreign !== null) return { ...(await prepareImport(context, foreign)), value: null }
  const id = newKeyId(context.random)
  const { jwt } = wanted
  return { id, jwt, imported: false, ...(await makeValue(context, { id, jwt })) }
}

async function requirePerson(tx: Tx, subject: string): Promise<void> {
  const owner = await lockOwner(tx, subject)
  if (owner?.kind === 'user') return
  const message = 'is nobody who is known here: a person is once they have logged in'
  throw new Problem('validation_failed', { errors: [{ path: 'owner', message }] })
}
