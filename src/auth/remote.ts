import { AddressRate } from '../limits/address-rate.js'
import { createQuotaDescriber } from '../limits/headers.js'
import type { LimitDecision } from '../limits/types.js'
import { createKeyAsker } from './ask-key.js'
import { createTokenVerifier } from './bearer.js'
import { defaultHeaderPrefix } from './credential-headers.js'
import { createIssuer } from './issuer.js'
import { createRemoteKeyVerifier } from './remote-keys.js'
import type { AuthOptions } from './types.js'

export interface RemoteAuthOptions {
  /** Where Latchkey is, as `https://keys.example.org`; a path is kept. Plain http is your choice. */
  url: string
  /** Issuer URL of the identity provider, as in `iss` of its tokens. */
  issuer: string
  /** One of these must be in `aud` of an OAuth2 token. */
  audiences: readonly string[]
  /**
   * Clients whose OAuth2 tokens are accepted for any API, by their `azp`. Default: none. A token that such a client got
   * for another API opens this service too, so prefer an audience mapper.
   */
  authorizedParties?: readonly string[]
  /** What the value of every key begins with, before the underscore. Default `lk`. */
  keyPrefix?: string
  /**
   * The id under which this service is registered at Latchkey: keys that are not authorised on it are refused. Default:
   * none, so that only keys for all services get in.
   */
  service?: string
  /**
   * How the headers of Latchkey's own begin that present keys, as `Otoroshi-Client-Id`, and that tell callers their
   * quotas. Default `Otoroshi`.
   */
  headerPrefix?: string
  /** How long Latchkey may take to answer, in milliseconds. Default 2000. */
  timeoutMs?: number
  /** Keys, refused values and tokens that are remembered, each. Default 10,000. */
  maxCached?: number
  /**
   * Refused credentials in a minute after which a client's address must wait with those not seen before; Infinity: no
   * limit. Default 20: Latchkey counts all that this service asks as one address, and allows it 60.
   */
  refusedPerMinute?: number
  /**
   * Hears that Latchkey stopped to answer, once until it answers again. Keys that it told of go on, so that nothing
   * else tells; the 503 that follow are logged by the hook. Its argument is for a log only. Default: nobody does.
   */
  onUnavailable?: (cause: unknown) => void
  /** Milliseconds since the epoch. Default: the system's clock. */
  clock?: () => number
  /** Milliseconds that only grow, from any start. Default: `performance.now`. */
  monotonicClock?: () => number
}

/**
 * What the hook needs in a service of its own: OAuth2 tokens are verified here by the issuer's JWKS, API keys by asking
 * Latchkey (`POST /api-keys/verify`), whose verdicts are remembered for as long as they say. Where Latchkey cannot be
 * asked they serve for as long as they allow, then keys are 503. Nothing is asked before the first request.
 * @throws TypeError when `url` is none of http or https, `issuer` no URL, or no audience named, or when `audiences` or
 * `authorizedParties` is no list of names
 */
export function createRemoteAuth(options: RemoteAuthOptions): AuthOptions {
  const { url, audiences, authorizedParties = [] } = options
  const { keyPrefix = 'lk', headerPrefix = defaultHeaderPrefix } = options
  const { timeoutMs = 2000, maxCached = 10_000 } = options
  const { clock = Date.now, monotonicClock = () => performance.now() } = options
  requireNames('audiences', audiences)
  requireNames('authorizedParties', authorizedParties)
  // Without one no token would be accepted, which nobody means.
  if (audiences.length === 0) throw new TypeError('Name in audiences what a token must be meant for')
  if (!URL.canParse(options.issuer)) throw new TypeError('The option issuer must be a URL')
  const refusals = new AddressRate({ perMinute: options.refusedPerMinute ?? 20, clock })
  return {
    keyPrefix,
    headerPrefix,
    verifyKey: createRemoteKeyVerifier({
      ask: createKeyAsker({
        url,
        timeoutMs,
        ...(options.service === undefined ? {} : { service: options.service }),
      }),
      prefix: keyPrefix,
      refusals,
      maxCached,
      clock,
      monotonicClock,
      onUnavailable: options.onUnavailable ?? (() => {}),
    }),
    verifyToken: createTokenVerifier({
      issuer: createIssuer({ issuer: options.issuer.replace(/\/$/, ''), clock }),
      audiences,
      authorizedParties,
      refusals,
      maxCached,
      clock,
    }),
    limiter: {
      take: () => uncounted,
      look: () => [],
      describe: createQuotaDescriber({ prefix: headerPrefix, clock }),
    },
    clock,
  }
}

/** Not everybody compiles, and a single text would accept its parts: `includes` finds them. */
function requireNames(option: string, names: unknown): void {
  if (Array.isArray(names) && names.every((name) => typeof name === 'string' && name !== '')) return
  throw new TypeError(`The option ${option} must be a list of names`)
}

/** Latchkey counts the calls of its keys in the answer about them; nothing here could. */
const uncounted: LimitDecision = {
  kind: 'unavailable',
  cause: new Error('A call was to be counted that Latchkey did not count'),
}
