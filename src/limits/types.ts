/** Calls that may be made in a calendar second, day and month; null: any number. */
export interface Limits {
  readonly perSecond: number | null
  readonly perDay: number | null
  readonly perMonth: number | null
}

/** Whose calls are counted together. */
export interface LimitedParty {
  /** `key:<id>`, `owner:<subject>` or `group:<id>`. */
  readonly id: string
  readonly limits: Limits
}

/** What remains of one limit. */
export interface Quota {
  readonly party: string
  readonly per: 'second' | 'day' | 'month'
  readonly limit: number
  readonly remaining: number
  /** Milliseconds since the epoch. */
  readonly resetsAt: number
  /** How long the window is that then ends: days and months are calendar ones. */
  readonly windowSeconds: number
}

export type LimitDecision =
  | { readonly kind: 'passed'; readonly quotas: readonly Quota[] }
  | {
      readonly kind: 'exceeded'
      readonly code: 'rate_limited' | 'quota_exceeded'
      readonly retryAfterSeconds: number
      readonly quotas: readonly Quota[]
    }
  | { readonly kind: 'unavailable'; readonly cause: unknown; readonly quotas?: readonly Quota[] }

/** Counts calls against limits; at once where the counters are in memory. */
export interface Limiter {
  /** Counts one call against every party, or against none of them when one has no call left. */
  take(parties: readonly LimitedParty[]): LimitDecision | Promise<LimitDecision>
  /** What remains, counting nothing: for the answers of calls that are refused for another reason. */
  look(parties: readonly LimitedParty[]): readonly Quota[] | Promise<readonly Quota[]>
  /** How the caller is told what remains: names and values of headers. */
  describe(quotas: readonly Quota[]): Record<string, string>
}
