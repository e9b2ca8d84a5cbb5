import type { KeyVerdict } from '../../client/index.js'

/** What the user asked of the value; what they left out is not held against it. */
export interface Asked {
  readonly method?: string
  readonly service?: string
  readonly scopes?: readonly string[]
  readonly clientIp?: string
  readonly referer?: string
  /** Seconds. */
  readonly warn?: number
}

export type Judgement = { kind: 'good' } | { kind: 'ends-soon' } | { kind: 'refused'; reason: string }

/**
 * What a verdict means to somebody who holds the value: the service judges one call, and counts what it was not told as
 * the worst case, but a key that works from some addresses alone is a good one.
 * @param now milliseconds since the epoch
 */
export function judge(verdict: KeyVerdict, asked: Asked, now: number): Judgement {
  const code = findRefusal(verdict, asked)
  if (code !== null)
    return { kind: 'refused', reason: `${reasons[code] ?? 'it may not make this call'} (${code})` }
  const end = endOf(verdict)
  const isSoon =
    asked.warn !== undefined && end !== null && new Date(end).getTime() - now <= asked.warn * 1000
  return { kind: isSoon ? 'ends-soon' : 'good' }
}

/** When this value ends: with its key, or before, when a newer one has taken its place. Null: never. */
export function endOf({ bounds }: KeyVerdict): string | null {
  const ends = [bounds?.expires_at, bounds?.valid_until].filter((end) => typeof end === 'string')
  return ends.sort((a, b) => Date.parse(a) - Date.parse(b))[0] ?? null
}

function findRefusal(verdict: KeyVerdict, asked: Asked): string | null {
  const { valid, code = 'invalid_credential', principal, bounds } = verdict
  if (valid) return null
  if (principal === undefined) return code
  const isAbout: Record<string, boolean> = {
    // It stands before the address, of which nothing is known then.
    referer_not_allowed:
      asked.referer !== undefined || (asked.clientIp !== undefined && bounds?.allowed_ips !== null),
    address_not_allowed: asked.clientIp !== undefined,
    not_authorized_here: asked.service !== undefined,
  }
  if (isAbout[code] ?? true) return code
  // The service stops at its first reason: what it would have said next is in the bounds.
  if (asked.service !== undefined && bounds?.authorized_here === false) return 'not_authorized_here'
  if (bounds?.read_only === true && !reading.has(asked.method?.toUpperCase() ?? 'GET')) return 'read_only_key'
  const { scopes } = principal
  const hasAll = scopes.includes(everyRight) || (asked.scopes ?? []).every((scope) => scopes.includes(scope))
  if (!hasAll) return 'insufficient_scope'
  const spent = verdict.limits?.find(({ remaining }) => remaining <= 0)
  if (spent === undefined) return null
  return spent.per === 'second' ? 'rate_limited' : 'quota_exceeded'
}

/** Of keys that inherit all that a single user may. */
const everyRight = '*'
const reading = new Set(['GET', 'HEAD', 'OPTIONS'])

const reasons: Record<string, string> = {
  invalid_credential: 'it is wrong, unknown, expired, revoked or disabled',
  referer_not_allowed: 'it may not be used by that page, or by none',
  address_not_allowed: 'it may not be used from that address',
  not_authorized_here: 'it may not call that service',
  read_only_key: 'it may only read',
  insufficient_scope: 'it lacks one of those rights',
  rate_limited: 'it is called too often just now',
  quota_exceeded: 'its calls of this day or month are used up',
}
