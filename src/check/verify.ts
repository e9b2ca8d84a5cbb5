import { endOfValue } from '../auth/bounds.js'
import { decideAccess, isAuthorized } from '../auth/decide.js'
import type { CalledService, KeyBounds, Principal } from '../auth/types.js'
import type { LimitDecision, Quota } from '../limits/types.js'
import type { KeyVerdict, VerifyKey, verdictCodes } from '../schemas/verdict.js'

export interface Policy {
  /** How long an answer serves where no key's end is nearer. */
  cacheSeconds: number
  /** How long it serves where this service cannot be asked. */
  staleIfErrorSeconds: number
}

/** What is told of a value that is no good, whatever the reason. */
export const describeRefusal = ({ cacheSeconds }: Policy): KeyVerdict => ({
  valid: false,
  code: 'invalid_credential',
  cache_seconds: cacheSeconds,
  stale_if_error_seconds: 0,
})

/** What is asked about: a good value, and the call that it is to make. */
export interface Asked {
  readonly principal: Principal
  readonly key: KeyBounds
  readonly isStale: boolean
  readonly question: VerifyKey
  /** The service that the question names; null: none that a key could be authorised on. */
  readonly service: CalledService | null
}

/**
 * Why the call may not be made, by the hook's own decision, or null; what the question leaves out counts as the worst
 * case. Of limits nothing is said yet.
 */
export function judgeCall({ principal, key, question, service }: Asked): Code | null {
  const { method = 'POST', client_ip: address = '', referer, scopes = [] } = question
  const headers = referer === undefined ? {} : { referer }
  const call = { service, method, headers, address, params: {} }
  // Only these can come of a question that asks for no `by`.
  return decideAccess(principal, key, { scopes }, call) as Code | null
}

/** What is told of the key of a single user, which no bound restricts. */
export const unbounded: KeyBounds = Object.freeze({
  readOnly: false,
  allowedReferers: null,
  allowedIps: null,
  allowsAddress: null,
  expiresAt: Number.POSITIVE_INFINITY,
  authorized: null,
  limited: null,
})

type Code = (typeof verdictCodes)[number]

/** What became of the limits of a call; null: none apply. */
export type Counted =
  | Exclude<LimitDecision, { kind: 'unavailable' }>
  | { kind: 'looked'; quotas: readonly Quota[] }
  | null

/**
 * What is told of a good value: whether it may make the call, and what decides all its other calls.
 * @param now milliseconds since the epoch
 */
export function describeKey(
  asked: Asked,
  refusal: Code | null,
  counted: Counted,
  policy: Policy,
  now: number,
): KeyVerdict {
  const { principal, key, isStale, service } = asked
  const code = refusal ?? (counted?.kind === 'exceeded' ? counted.code : null)
  // No answer outlives the key: rounded down, so that the last second is asked for.
  const secondsLeft = Math.max(0, Math.floor((endOfValue(key) - now) / 1000))
  // What is old here already must not grow older elsewhere, and a counted call is one call.
  const isForOnce = isStale || counted !== null
  return {
    valid: code === null,
    ...(code === null ? {} : { code }),
    principal: describePrincipal(principal),
    bounds: {
      read_only: key.readOnly,
      allowed_referers: asList(key.allowedReferers),
      allowed_ips: asList(key.allowedIps),
      expires_at: asInstant(key.expiresAt),
      valid_until: asInstant(key.validUntil ?? Number.POSITIVE_INFINITY),
      authorized_here: isAuthorized(key, service),
      limited: counted !== null,
    },
    ...(counted === null ? {} : { limits: counted.quotas.map(describeQuota) }),
    ...(refusal === null && counted?.kind === 'exceeded'
      ? { retry_after_seconds: counted.retryAfterSeconds }
      : {}),
    cache_seconds: isForOnce ? 0 : Math.min(policy.cacheSeconds, secondsLeft),
    stale_if_error_seconds: isForOnce ? 0 : Math.min(policy.staleIfErrorSeconds, secondsLeft),
  }
}

const describeQuota = ({ party, per, limit, remaining, resetsAt, windowSeconds }: Quota) => ({
  // The parties of limits are made so.
  of: party.slice(0, party.indexOf(':')) as 'key' | 'owner' | 'group',
  per,
  limit,
  remaining,
  resets_at: new Date(resetsAt).toISOString(),
  window_seconds: windowSeconds,
})

function describePrincipal(principal: Principal) {
  const { subject, login, name, email, kind, via, roles, scopes, attributes, config, keyId = '' } = principal
  return {
    subject,
    login,
    name,
    email,
    kind,
    via,
    roles: [...roles],
    scopes: [...scopes],
    attributes,
    config,
    key_id: keyId,
  }
}

const asInstant = (at: number) => (Number.isFinite(at) ? new Date(at).toISOString() : null)
const asList = (list: readonly string[] | null) => (list === null ? null : [...list])
