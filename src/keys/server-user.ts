import { Problem } from '../problems/problem.js'
import type { ChangeAnyKey } from '../schemas/admin.js'
import type { KeyRow } from '../store/keys.js'
import { insertServerUser, isServerNameTaken, lockServerNames, updateServerUser } from '../store/owners.js'
import type { Tx } from '../store/transaction.js'
import { inherit } from './scopes.js'

/** A server user has no rights but those that its key names. @throws Problem validation_failed */
export function requireServerScopes(scopes: readonly string[]): void {
  if (!scopes.includes(inherit)) return
  const message = `must name rights: there is nobody whose rights a server key could ${inherit}`
  throw new Problem('validation_failed', { errors: [{ path: 'scopes', message }] })
}

/** Makes the server user of a new key; in a transaction that holds the names. @throws Problem name_taken */
export async function makeServerUser(tx: Tx, user: Parameters<typeof insertServerUser>[1]): Promise<void> {
  await requireServerName(tx, { login: user.login })
  await insertServerUser(tx, user)
}

/**
 * Holds the names of server keys where one is about to change. Called before anything else is locked, in the order in
 * which a key is made.
 * @throws Problem name_taken
 */
export async function lockNewName(tx: Tx, key: KeyRow, name = key.name): Promise<void> {
  if (key.owner.kind !== 'server' || name === key.name) return
  await lockServerNames(tx)
  await requireServerName(tx, { login: name, exceptSubject: key.ownerSubject })
}

/** Gives the server user the new name and scopes of its key. */
export async function updateServerUserOf(tx: Tx, key: KeyRow, { name, scopes }: ChangeAnyKey): Promise<void> {
  if (key.owner.kind !== 'server' || (name === undefined && scopes === undefined)) return
  await updateServerUser(tx, key.ownerSubject, {
    ...(name === undefined ? {} : { login: name }),
    ...(scopes === undefined ? {} : { rights: scopes }),
  })
}

async function requireServerName(tx: Tx, name: Parameters<typeof isServerNameTaken>[1]): Promise<void> {
  if (!(await isServerNameTaken(tx, name))) return
  throw new Problem('name_taken', { detail: 'Another server key has this name.' })
}
