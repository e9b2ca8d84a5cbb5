import { readOwnerFacts } from '../auth/claims.js'
import type { OwnerWatch } from '../auth/owner-watch.js'
import { hasRight } from '../auth/rights.js'
import type { Confirmation, Principal } from '../auth/types.js'
import type { Database } from '../store/database.js'
import { findOwner, type OwnerRow, rememberOwner } from '../store/owners.js'

export interface RightCheckOptions {
  db: Database
  owners: OwnerWatch
  /** Called when what is known of an owner changed. */
  invalidateOwner: (subject: string) => void
  /** Milliseconds since the epoch. */
  clock: () => number
}

/**
 * Makes the check whether a person, whose login says that they have a right, has it at the identity provider now:
 * what is known of them is as old there as it may be for their keys. Where nobody is followed, the login's word serves.
 */
export function createRightCheck({ db, owners, invalidateOwner, clock }: RightCheckOptions) {
  return async (principal: Principal, right: string): Promise<Confirmation> => {
    const { subject } = principal
    owners.noteUse(subject)
    const known = await findOwner(db, subject)
    // People are asked for once they are stored.
    let owner = known === null && principal.via === 'oauth2' ? await remember(principal) : known
    if (owner !== null && (known === null || tellsMore(principal, owner, right) || needsLook(owner))) {
      const { knownAt } = owner
      await owners.look(subject)
      owner = await findOwner(db, subject)
      const isSilent = owner?.knownAt.getTime() === knownAt.getTime()
      // A token never contradicts what the identity provider said just now: its clock may be ahead.
      if (owner !== null && isSilent && tellsMore(principal, owner, right)) owner = await remember(principal)
    }
    if (owner === null) return 'lacking'
    if (!owner.enabled || owners.isDisabled(subject)) return 'disabled'
    if (owners.follows() === false) return 'held'
    if (standing(owner) !== 'current') return 'unknown'
    return hasRight(owner.rights, right) ? 'held' : 'lacking'
  }

  function needsLook(owner: OwnerRow): boolean {
    return standing(owner) === 'look'
  }

  function standing({ subject, knownAt }: OwnerRow) {
    return owners.standing(subject, knownAt.getTime(), clock())
  }

  /** Whether the token tells what is not known yet: of someone who was just given the right. */
  function tellsMore(principal: Principal, owner: OwnerRow, right: string): boolean {
    return (
      principal.via === 'oauth2' &&
      !hasRight(owner.rights, right) &&
      readOwnerFacts(principal, clock()).knownAt >= owner.knownAt
    )
  }

  async function remember(principal: Principal): Promise<OwnerRow | null> {
    let isChanged = false
    try {
      await db.write(async (tx) => {
        isChanged = await rememberOwner(tx, readOwnerFacts(principal, clock()), {
          keepAttributes: owners.follows() !== false,
        })
      })
    } finally {
      // Also where nobody knows whether it was done.
      if (isChanged) invalidateOwner(principal.subject)
    }
    return findOwner(db, principal.subject)
  }
}
