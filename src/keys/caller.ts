import { readOwnerFacts } from '../auth/claims.js'
import type { Principal } from '../auth/types.js'
import { Problem } from '../problems/problem.js'
import { findOwner, type OwnerRow, rememberOwner } from '../store/owners.js'
import type { Tx } from '../store/transaction.js'
import { lockEnabledOwner } from './change.js'
import type { KeyContext } from './context.js'
import { missingRights } from './scopes.js'

/** A person may come with a token alone, without ever having logged in here. @returns whether more is known now */
export async function rememberCaller(
  tx: Tx,
  { owners, clock }: KeyContext,
  principal: Principal,
): Promise<boolean> {
  if (principal.via !== 'oauth2') return false
  return rememberOwner(tx, readOwnerFacts(principal, clock()), {
    keepAttributes: owners.follows() !== false,
  })
}

/** @throws Problem invalid_credential, not_found */
export async function requireCaller(tx: Tx, principal: Principal): Promise<OwnerRow> {
  const owner = await lockEnabledOwner(tx, principal.subject)
  if (owner === null) throw new Problem('not_found')
  return owner
}

/**
 * Asks the identity provider for the caller where what is known of them is older than it may be for their keys: a
 * session lasts hours, and a token says what was so when it was issued.
 * @returns what is known of them; null: nothing yet
 */
async function refreshCaller(
  { db, owners, clock }: KeyContext,
  { subject }: Principal,
): Promise<OwnerRow | null> {
  owners.noteUse(subject)
  const known = await findOwner(db, subject)
  if (known === null || owners.standing(subject, known.knownAt.getTime(), clock()) !== 'look') return known
  await owners.look(subject)
  return findOwner(db, subject)
}

/**
 * For a key that shall have these scopes: asks the identity provider also where what is known lacks one of them. It may
 * have been given since, and of a token only the second is known in which it was issued.
 */
export async function refreshCallerFor(
  context: KeyContext,
  principal: Principal,
  scopes: readonly string[],
): Promise<void> {
  const owner = await refreshCaller(context, principal)
  if (owner === null) return
  const rights = currentRights(owner, principal, context.clock()) ?? []
  if (missingRights(scopes, rights).length > 0) await context.owners.look(principal.subject)
}

/**
 * The rights by which a creation would decide now. Writes nothing.
 * @throws Problem invalid_credential, not_found
 */
export async function findCallerRights(
  context: KeyContext,
  principal: Principal,
): Promise<readonly string[]> {
  const owner = await refreshCaller(context, principal)
  if (owner?.enabled === false) throw new Problem('invalid_credential')
  const rights = currentRights(owner, principal, context.clock())
  if (rights === null) throw new Problem('not_found')
  return rights
}

/** Those of the token, unless something newer is known, as `rememberOwner` decides it; null: nothing is known. */
function currentRights(owner: OwnerRow | null, principal: Principal, now: number): readonly string[] | null {
  if (principal.via === 'oauth2') {
    const { knownAt, rights } = readOwnerFacts(principal, now)
    if (owner === null || (owner.kind === 'user' && owner.knownAt <= knownAt)) return rights
  }
  return owner?.rights ?? null
}
