import { ownSubjects } from '../auth/own-subjects.js'
import { everyRight } from '../auth/rights.js'
import type { Principal } from '../auth/types.js'
import { type Directory, fixedPeople } from '../directory/follow.js'
import type { Database } from '../store/database.js'
import { putOwner } from '../store/owners.js'
import { deleteSessions } from '../store/sessions.js'

const subject = ownSubjects.singleUser
const rights: readonly string[] = Object.freeze([everyRight])
const nothing = Object.freeze({})

/** The one person there is, as whom the one key calls. */
export const singleUser: Principal = Object.freeze<Principal>({
  subject,
  login: subject,
  name: null,
  email: null,
  kind: 'user',
  via: 'api-key',
  roles: rights,
  scopes: rights,
  attributes: nothing,
  config: nothing,
})

/**
 * Makes sure that keys and sessions can be the single user's. The sessions of earlier starts end, since the key may be
 * another one now: whoever got in by the old one is out.
 */
export async function settleSingleUser(db: Database, now: Date): Promise<void> {
  const { login, name, email, attributes } = singleUser
  await deleteSessions(db, { subject })
  await db.write((tx) => putOwner(tx, { subject, login, name, email, rights, attributes, knownAt: now }))
}

export const isSingleUser = (someone: string): boolean => someone === subject

/** The single user alone: of all others in the same database nobody can tell whether they still are who they were. */
export const nobodyElse: Directory = {
  ...fixedPeople,
  isDisabled: (someone) => !isSingleUser(someone),
}

/** Everybody but the single user, whose keys and sessions may lie in the same database from another start. */
export const everybodyElse = (directory: Directory): Directory => ({
  ...directory,
  isDisabled: (someone) => isSingleUser(someone) || directory.isDisabled(someone),
})
