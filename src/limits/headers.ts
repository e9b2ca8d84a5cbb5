import type { Quota } from './types.js'

export type DescribeQuotas = (quotas: readonly Quota[]) => Record<string, string>

export interface DescribeQuotasOptions {
  /** What the names of the headers begin with, before the hyphen. */
  prefix: string
  /** Milliseconds since the epoch. */
  clock: () => number
}

/**
 * How callers are told what remains: the smallest of the quotas by day and by month, and all of them as
 * draft-ietf-httpapi-ratelimit-headers-10 says.
 */
export function createQuotaDescriber({ prefix, clock }: DescribeQuotasOptions): DescribeQuotas {
  const [daily, monthly] = [`${prefix}-Daily-Calls-Remaining`, `${prefix}-Monthly-Calls-Remaining`]

  return (quotas) => {
    if (quotas.length === 0) return {}
    const now = clock()
    let [day, month] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]
    let policy = ''
    let state = ''
    for (const { party, per, limit, remaining, resetsAt, windowSeconds } of quotas) {
      if (per === 'day') day = Math.min(day, remaining)
      else if (per === 'month') month = Math.min(month, remaining)
      const name = `"${kindOf(party)}-per-${per}"`
      const seconds = Math.max(0, Math.ceil((resetsAt - now) / 1000))
      const separator = policy === '' ? '' : ', '
      policy += `${separator}${name};q=${limit};w=${windowSeconds}`
      state += `${separator}${name};r=${remaining};t=${seconds}`
    }
    const headers: Record<string, string> = { 'RateLimit-Policy': policy, RateLimit: state }
    if (day !== Number.POSITIVE_INFINITY) headers[daily] = String(day)
    if (month !== Number.POSITIVE_INFINITY) headers[monthly] = String(month)
    return headers
  }
}

/** `key`, `owner` or `group`: whose id it is says nothing to the caller, who has one of each. */
const kindOf = (party: string) => party.slice(0, party.indexOf(':'))
