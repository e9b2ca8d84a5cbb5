import { endOfValue } from '../auth/bounds.js'
import { decideAccess } from '../auth/decide.js'
import type { Principal, Verdict } from '../auth/types.js'
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

/**
 * What is told of a good value: whether it may make the call, by the hook's own decision, and what decides all its
 * other calls. What the question leaves out counts as the worst case.
 * @param now milliseconds since the epoch
 */
export function describeKey(
  { principal, key, isStale = false }: Verdict & { kind: 'accepted' },
  question: VerifyKey,
  policy: Policy,
  now: number,
): KeyVerdict {
  if (key === undefined) throw new Error('A key was accepted without its bounds')
  const { method = 'POST', client_ip: address = '', referer, scopes = [] } = question
  const headers = referer === undefined ? {} : { referer }
  const code = decideAccess(
    principal,
    key,
    { scopes },
    { service: null, method, headers, address, params: {} },
  )
  // No answer outlives the key: rounded down, so that the last second is asked for.
  const secondsLeft = Math.max(0, Math.floor((endOfValue(key) - now) / 1000))
  return {
    valid: code === null,
    // Only these can come of a question that asks for no `by`.
    ...(code === null ? {} : { code: code as (typeof verdictCodes)[number] }),
    principal: describePrincipal(principal),
    bounds: {
      read_only: key.readOnly,
      allowed_referers: asList(key.allowedReferers),
      allowed_ips: asList(key.allowedIps),
      expires_at: asInstant(key.expiresAt),
      valid_until: asInstant(key.validUntil ?? Number.POSITIVE_INFINITY),
    },
    // What is old here already must not grow older elsewhere.
    cache_seconds: isStale ? 0 : Math.min(policy.cacheSeconds, secondsLeft),
    stale_if_error_seconds: isStale ? 0 : Math.min(policy.staleIfErrorSeconds, secondsLeft),
  }
}

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
