import { Problem } from '../problems/problem.js'
import type { ChangeAnyKey } from '../schemas/admin.js'
import type { KeyRow } from '../store/keys.js'
import { insertServerUser, isServerNameTaken, updateServerUser } from '../store/owners.js'
import type { Tx } from '../store/transaction.js'

/** Makes sure that no other server key has this name; in a transaction that holds the names. @throws Problem name_taken */
export async function requireServerName(tx: Tx, name: string): Promise<void> {
  if (!(await isServerNameTaken(tx, name))) return
  throw new Problem('name_taken', { detail: 'Another server key has this name.' })
}

/** Makes the server user of a new key; in a transaction that holds the names. @throws Problem name_taken */
export async function makeServerUser(tx: Tx, user: Parameters<typeof insertServerUser>[1]): Promise<void> {
  await requireServerName(tx, user.login)
  await insertServerUser(tx, user)
}

/** The server user is called as its key, and has its rights. */
export async function carryOver(tx: Tx, key: KeyRow, { name, scopes }: ChangeAnyKey): Promise<void> {
  if (name === undefined && scopes === undefined) return
  await updateServerUser(tx, key.ownerSubject, {
    ...(name === undefined ? {} : { login: name }),
    ...(scopes === undefined ? {} : { rights: scopes }),
  })
}
