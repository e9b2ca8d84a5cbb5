import type { Actor } from '../audit/actor.js'
import { inKeyTransaction, recordChange } from '../keys/change.js'
import { asLimits, asParty } from '../limits/party.js'
import type { LimitedParty, Quota } from '../limits/types.js'
import { Problem } from '../problems/problem.js'
import type { KeyQuotas } from '../schemas/admin.js'
import { describeLimits, type LimitColumns } from '../schemas/limits.js'
import { findKey, type KeyRow } from '../store/keys.js'
import type { AdminContext } from './context.js'

/** The limits of a key and its owner, and what remains of them now. @throws Problem not_found */
export async function showQuotas({ db, counters }: AdminContext, id: string): Promise<KeyQuotas> {
  const key = await findKey(db.prisma, id)
  if (key === null) throw new Problem('not_found')
  const quotas = await counters.read(partiesOf(key))
  return {
    limits: describeLimits(key),
    owner_limits: describeLimits(key.owner),
    quotas: quotas.map(describeQuota),
  }
}

/** Begins the key's own counters anew; those of its owner go on. @throws Problem not_found */
export async function resetQuotas(context: AdminContext, actor: Actor, id: string): Promise<void> {
  // In the ledger first: a reset that nobody recorded must not be.
  await inKeyTransaction(context, actor, id, (key, now, tx) =>
    recordChange(tx, actor, { key, action: 'key.quotas_reset', now }),
  )
  await context.counters.reset(`key:${id}`)
}

function partiesOf(key: KeyRow): LimitedParty[] {
  const parties = [limitParty(`key:${key.id}`, key), limitParty(`owner:${key.ownerSubject}`, key.owner)]
  return parties.filter((party) => party !== null)
}

const limitParty = (id: string, { limitPerSecond, limitPerDay, limitPerMonth }: LimitColumns) =>
  asParty(id, asLimits(limitPerSecond, limitPerDay, limitPerMonth))

const describeQuota = ({ party, per, limit, remaining, resetsAt }: Quota) => ({
  ...{ party, per, limit, remaining },
  used: Math.max(0, limit - remaining),
  resets_at: new Date(resetsAt).toISOString(),
})
