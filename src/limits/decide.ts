import type { Periods } from './calendar.js'
import type { LimitDecision, LimitedParty, Quota } from './types.js'

/**
 * Whether a call may be made, and what remains after it: it counts against all quotas, or against none where one
 * has no call left. Writes nothing, so that whoever counts can make both one step.
 * @param quotas what remains before the call
 * @param now milliseconds since the epoch
 */
export function decideCall(quotas: readonly Quota[], now: number): LimitDecision {
  let last: Quota | undefined
  for (const quota of quotas) {
    // Whoever comes back after the shortest wait would only be refused again.
    if (quota.remaining <= 0 && (last === undefined || quota.resetsAt > last.resetsAt)) last = quota
  }
  if (last === undefined) {
    return { kind: 'passed', quotas: quotas.map((quota) => ({ ...quota, remaining: quota.remaining - 1 })) }
  }
  return {
    kind: 'exceeded',
    code: last.per === 'second' ? 'rate_limited' : 'quota_exceeded',
    retryAfterSeconds: Math.max(1, Math.ceil((last.resetsAt - now) / 1000)),
    quotas,
  }
}

/** What remains of one limit of a party, in the window that begins then. */
export type RemainingOf = (
  party: LimitedParty,
  per: Quota['per'],
  limit: number,
  startsAt: number,
  /** Of the party in the list. */
  at: number,
) => number

/** What remains of every limit that applies, at an instant of these periods. */
export function listQuotas(
  parties: readonly LimitedParty[],
  periods: Periods,
  now: number,
  remainingOf: RemainingOf,
): Quota[] {
  const quotas: Quota[] = []
  const second = startOfSecond(now)
  for (const [at, party] of parties.entries()) {
    const { perSecond, perDay, perMonth } = party.limits
    if (perSecond !== null) add(party, at, 'second', perSecond, second, second + 1000)
    if (perDay !== null) add(party, at, 'day', perDay, periods.dayStart, periods.dayEnd)
    if (perMonth !== null) add(party, at, 'month', perMonth, periods.monthStart, periods.monthEnd)
  }
  return quotas

  function add(
    party: LimitedParty,
    at: number,
    per: Quota['per'],
    limit: number,
    startsAt: number,
    resetsAt: number,
  ) {
    const remaining = Math.max(0, remainingOf(party, per, limit, startsAt, at))
    const windowSeconds = (resetsAt - startsAt) / 1000
    quotas.push({ party: party.id, per, limit, remaining, resetsAt, windowSeconds })
  }
}

export const startOfSecond = (at: number) => Math.floor(at / 1000) * 1000

/** Whether calls of the party are counted by day, which is what outlives the process. */
export const isCountedByDay = ({ limits }: LimitedParty) => limits.perDay !== null || limits.perMonth !== null
