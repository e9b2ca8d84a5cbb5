import type { Quota } from './types.js'

export type DescribeQuotas = (quotas: readonly Quota[]) => Record<string, string>

export interface DescribeQuotasOptions {
  /** What the names of the headers begin with, before the hyphen. */
  prefix: string
  /** Milliseconds since the epoch. */
  clock: () => number
}

/** The parts of the headers that stay the same from call to call. */
interface Wording {
  /** The limits that the parts are of. */
  readonly quotas: readonly Quota[]
  readonly policy: string
  /** What comes before the remainder of each quota. */
  readonly states: readonly string[]
}

const maxWordings = 10_000

/**
 * Returns a function that builds the headers of what remains: the smallest quota by day and by month, and all quotas as
 * draft-ietf-httpapi-ratelimit-headers-10 has them.
 */
export function createQuotaDescriber({ prefix, clock }: DescribeQuotasOptions): DescribeQuotas {
  const [daily, monthly] = [`${prefix}-Daily-Calls-Remaining`, `${prefix}-Monthly-Calls-Remaining`]
  /** By the first party of the quotas. */
  const wordings = new Map<string, Wording>()

  return (quotas) => {
    const [first] = quotas
    if (first === undefined) return {}
    const now = clock()
    const { policy, states } = wordingOf(first.party, quotas)
    let [day, month] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]
    let state = ''
    let at = 0
    for (const { per, remaining, resetsAt } of quotas) {
      if (per === 'day') day = Math.min(day, remaining)
      else if (per === 'month') month = Math.min(month, remaining)
      state += `${states[at++]}${remaining};t=${Math.max(0, Math.ceil((resetsAt - now) / 1000))}`
    }
    const headers: Record<string, string> = { 'RateLimit-Policy': policy, RateLimit: state }
    if (day !== Number.POSITIVE_INFINITY) headers[daily] = String(day)
    if (month !== Number.POSITIVE_INFINITY) headers[monthly] = String(month)
    return headers
  }

  function wordingOf(party: string, quotas: readonly Quota[]): Wording {
    let wording = wordings.get(party)
    if (wording === undefined || !isOf(wording, quotas)) {
      if (wordings.size >= maxWordings) wordings.clear()
      wording = word(quotas)
      wordings.set(party, wording)
    }
    return wording
  }
}

function isOf({ quotas: known }: Wording, quotas: readonly Quota[]): boolean {
  if (known.length !== quotas.length) return false
  let at = 0
  for (const { party, per, limit, windowSeconds } of quotas) {
    const one = known[at++]
    if (one?.limit !== limit || one.windowSeconds !== windowSeconds) return false
    if (one.per !== per || one.party !== party) return false
  }
  return true
}

function word(quotas: readonly Quota[]): Wording {
  const names = quotas.map(({ party, per }) => `"${kindOf(party)}-per-${per}"`)
  const policies = quotas.map(({ limit, windowSeconds }, at) => `${names[at]};q=${limit};w=${windowSeconds}`)
  const states = names.map((name, at) => `${at === 0 ? '' : ', '}${name};r=`)
  return { quotas, policy: policies.join(', '), states }
}

/** `key`, `owner` or `group`. Callers have one of each, so that the rest of the id is not needed. */
const kindOf = (party: string) => party.slice(0, party.indexOf(':'))
