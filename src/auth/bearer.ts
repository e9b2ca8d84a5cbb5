import { errors, type JWTPayload, jwtVerify } from 'jose'
import { LRUCache } from 'lru-cache'
import { type ReportRole, readFacts } from './claims.js'
import type { Issuer } from './issuer.js'
import { accessTokenTypes, hasFiniteTimes, isSubject, presentedTypes, readToken } from './token-rules.js'
import type { Principal, RefusalRate, Verdict, Verify } from './types.js'

export interface TokenVerifierOptions {
  issuer: Issuer
  /** APIs: a token whose `aud` holds one of these passes. */
  audiences: readonly string[]
  /** Clients: a token whose `azp` is one of these passes too, whatever its `aud`. Default: none. */
  authorizedParties?: readonly string[]
  refusals: RefusalRate
  /** Names of the claims that are kept as the person's attributes. Default: none. */
  attributes?: readonly string[]
  /** Called with each role that is left out of the rights. Default: not reported. */
  reportRole?: ReportRole
  /** Whether this person is known to be disabled, whatever their token says; at once. Default: nobody is. */
  isDisabled?: (subject: string) => boolean
  /** Verified tokens that are remembered. Default 10,000. */
  maxCached?: number
  /** Milliseconds since the epoch. Default: the system's clock. */
  clock?: () => number
}

/** Asymmetric only: `none` and HMAC with the public key are the classic forgeries. */
export const signatureAlgorithms = ['RS256', 'PS256', 'ES256', 'EdDSA']
const maxTokenLength = 16_384
const cacheMs = 60_000
const tailLength = 43
const clockToleranceSeconds = 5

interface CachedToken {
  token: string
  verdict: Verdict & { kind: 'accepted' }
  /** Milliseconds since the epoch. */
  from: number
  until: number
}

/**
 * Verifies OAuth2 access tokens locally, by the issuer's JWKS. A verified one is remembered until it expires,
 * at most 60 s.
 * @see RFC 9068 §4, RFC 8725
 */
export function createTokenVerifier(options: TokenVerifierOptions): Verify {
  const { issuer, refusals, attributes = [], isDisabled = () => false } = options
  const { audiences, authorizedParties = [] } = options
  const clock = options.clock ?? Date.now
  const cache = new LRUCache<string, CachedToken>({ max: options.maxCached ?? 10_000 })

  let sweptAt = clock()

  return (token, address) => {
    if (token.length > maxTokenLength) return refused
    // The end of the signature finds it, which is cheaper than to hash it all; only the same whole token is it.
    const id = token.slice(-tailLength)
    const cached = cache.get(id)
    const now = clock()
    // A clock that was set back must not lengthen what is remembered.
    if (cached !== undefined && cached.token === token && now >= cached.from && now < cached.until)
      return isDisabled(cached.verdict.principal.subject) ? refused : cached.verdict
    // Reading it costs no request: what cannot be ours never reaches the issuer.
    if (!claimsToBeAccessToken(token, issuer.issuer)) return refused
    const retryAfterSeconds = refusals.retryAfterSeconds(address)
    if (retryAfterSeconds > 0) return { kind: 'throttled', retryAfterSeconds }
    return verify(token, id, address)
  }

  async function verify(token: string, id: string, address: string): Promise<Verdict> {
    try {
      const { payload } = await jwtVerify(token, await issuer.keys(), {
        algorithms: signatureAlgorithms,
        issuer: issuer.issuer,
        requiredClaims: ['sub', 'exp'],
        clockTolerance: clockToleranceSeconds,
        currentDate: new Date(clock()),
      })
      if (!hasFiniteTimes(payload) || !isForUs(payload)) return refuse(address)
      const verdict = {
        kind: 'accepted',
        principal: asPrincipal(payload, attributes, options.reportRole),
      } as const
      if (isDisabled(verdict.principal.subject)) return refused
      const from = clock()
      dropEnded(from)
      cache.set(id, { token, verdict, from, until: Math.min((payload.exp ?? 0) * 1000, from + cacheMs) })
      return verdict
    } catch (error) {
      // As good tokens look while the issuer's new key is not known yet: their senders must not have to wait for more.
      if (error instanceof errors.JWKSNoMatchingKey) return refused
      return isFaultOfToken(error) ? refuse(address) : { kind: 'unavailable', cause: error }
    }
  }

  /** Once a minute, so that no token stays in memory for long after it stopped to serve. */
  function dropEnded(now: number) {
    if (Math.abs(now - sweptAt) < cacheMs) return
    sweptAt = now
    for (const [id, { until }] of cache) if (until <= now) cache.delete(id)
  }

  function refuse(address: string): Verdict {
    refusals.count(address)
    return refused
  }

  /** A malformed `aud` is refused even beside a good `azp`, because we cannot know which API it means. */
  function isForUs({ aud, azp }: JWTPayload): boolean {
    const named = aud === undefined ? [] : readAudiences(aud)
    if (named === null) return false
    if (named.some((name) => audiences.includes(name))) return true
    return typeof azp === 'string' && authorizedParties.includes(azp)
  }
}

/** @returns null when `aud` is neither a text nor a list of texts (RFC 7519 §4.1.3) */
function readAudiences(aud: unknown): readonly string[] | null {
  const named: readonly unknown[] = Array.isArray(aud) ? aud : [aud]
  const isText = (name: unknown): name is string => typeof name === 'string' && name !== ''
  return named.length > 0 && named.every(isText) ? named : null
}

const refused: Verdict = { kind: 'refused' }

/** ID, refresh and logout tokens are signed with the same keys; only their type tells them apart. */
function claimsToBeAccessToken(token: string, issuer: string): boolean {
  const read = readToken(token, presentedTypes)
  if (read === null) return false
  const { header, claims } = read
  // Keycloak says it in the claims; where they do not say, the header must (RFC 9068 §2.1).
  const isAccessToken =
    claims.typ === undefined
      ? accessTokenTypes.includes(String(header.typ).toLowerCase())
      : claims.typ === 'Bearer'
  return isAccessToken && claims.iss === issuer && isSubject(claims.sub)
}

function asPrincipal(
  payload: JWTPayload,
  attributes: readonly string[],
  reportRole: ReportRole | undefined,
): Principal {
  const facts = readFacts({ ...payload, sub: String(payload.sub) }, attributes, reportRole)
  return Object.freeze<Principal>({
    subject: facts.subject,
    login: facts.login,
    name: facts.name,
    email: facts.email,
    kind: 'user',
    via: 'oauth2',
    roles: facts.rights,
    scopes: facts.rights,
    attributes: facts.attributes,
    config: facts.attributes,
    issuedAt: payload.iat ?? 0,
    // Required of every token.
    expiresAt: (payload.exp ?? 0) * 1000,
    ...(typeof payload.azp === 'string' ? { clientId: payload.azp } : {}),
  })
}

const faultsOfToken = [
  errors.JWTExpired,
  errors.JWTClaimValidationFailed,
  errors.JWTInvalid,
  errors.JWSInvalid,
  errors.JWSSignatureVerificationFailed,
  errors.JWKSMultipleMatchingKeys,
  errors.JOSEAlgNotAllowed,
  errors.JOSENotSupported,
]

/** Anything else means that the issuer could not be asked: then nobody knows, and the answer is 503. */
const isFaultOfToken = (error: unknown) => faultsOfToken.some((fault) => error instanceof fault)
