import { readOwnerFacts } from '../auth/claims.js'
import type { Principal } from '../auth/types.js'
import { Problem } from '../errors.js'
import type { Tx } from '../store/keys.js'
import { findOwner, type OwnerRow, rememberOwner } from '../store/owners.js'
import { lockEnabledOwner } from './change.js'
import type { KeyContext } from './context.js'

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
export async function refreshCaller(
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
 * The rights by which a creation would decide now: those of the token, unless something newer is known. Writes nothing.
 * @throws Problem invalid_credential, not_found
 */
export async function findCallerRights(
  context: KeyContext,
  principal: Principal,
): Promise<readonly string[]> {
  const owner = await refreshCaller(context, principal)
  if (owner?.enabled === false) throw new Problem('invalid_credential')
  const told = principal.via === 'oauth2' ? readOwnerFacts(principal, context.clock()) : null
  // As the store does when it remembers the caller.
  if (told !== null && (owner === null || owner.knownAt <= told.knownAt)) return told.rights
  if (owner === null) throw new Problem('not_found')
  return owner.rights
}
