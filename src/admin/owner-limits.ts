import type { Actor } from '../audit/actor.js'
import { record } from '../audit/record.js'
import { Problem } from '../problems/problem.js'
import type { OwnerLimitsDocument } from '../schemas/admin.js'
import { asLimitColumns, describeLimits } from '../schemas/limits.js'
import { findOwner, lockOwner, updateOwnerLimits } from '../store/owners.js'
import type { AdminContext } from './context.js'

/** Limits over the calls with all keys of an owner, a person or a server user. @throws Problem not_found */
export async function showOwnerLimits({ db }: AdminContext, subject: string): Promise<OwnerLimitsDocument> {
  const owner = await findOwner(db, subject)
  if (owner === null) throw new Problem('not_found')
  return describeLimits(owner)
}

/** Sets all of them; holds from the answer on. @throws Problem not_found */
export async function setOwnerLimits(
  context: AdminContext,
  actor: Actor,
  subject: string,
  wanted: OwnerLimitsDocument,
): Promise<OwnerLimitsDocument> {
  try {
    return await context.db.write(async (tx) => {
      if ((await lockOwner(tx, subject)) === null) throw new Problem('not_found')
      const owner = await updateOwnerLimits(tx, subject, asLimitColumns(wanted))
      await record(tx, context, actor, {
        ...{ action: 'owner.limited', targetId: subject, ownerSubject: subject, details: { ...wanted } },
      })
      return describeLimits(owner)
    })
  } finally {
    context.invalidateOwner(subject)
  }
}
