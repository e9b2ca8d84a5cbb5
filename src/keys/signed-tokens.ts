import { errors, jwtVerify } from 'jose'
import { LRUCache } from 'lru-cache'
import { hasFiniteTimes, presentedTypes, readToken } from '../auth/token-rules.js'
import type { Verdict } from '../auth/types.js'
import type { Sealer } from '../secrets/sealing.js'
import type { CachedKey, SigningSecret } from './cached-key.js'
import { keyIdPattern } from './value.js'

/** A token whose signature was verified: it stays good for as long as the secret that signed it. */
export interface HeldToken {
  readonly token: string
  readonly keyId: string
  /** The sealed secret that signed it. */
  readonly sealed: string
  /** Its `exp`, in milliseconds since the epoch; Infinity: it has none. */
  readonly endsAt: number
  /** Milliseconds since the epoch. */
  readonly from: number
  readonly until: number
}

export interface SignedTokensOptions {
  sealer: Sealer
  /** Milliseconds since the epoch. */
  clock: () => number
  /** Verified tokens that are remembered. Default 10,000. */
  maxCached?: number
}

/** What a key of ours is bound to when it is sealed. */
export const sealedFor = (keyId: string) => `key:${keyId}`

/** The classic forgery is an algorithm that the verifier did not expect. */
const signatureAlgorithms = ['HS256', 'HS384', 'HS512']
const maxTokenLength = 16_384
const cacheMs = 60_000
const tailLength = 43
const clockToleranceSeconds = 5
const maxOpened = 1000
/** A token that ends later is not forwarded to services. */
const maxForwardedMs = 3_600_000

const refused: Verdict = { kind: 'refused' }

/** Verifies the signatures of JWTs that keys signed, and remembers the good ones until they end, at most 60 s. */
export class SignedTokens {
  readonly #held: LRUCache<string, HeldToken>
  /** What was opened, so that a client that signs a new token for each call costs no more than the signature. */
  readonly #opened = new LRUCache<string, Uint8Array>({ max: maxOpened })
  readonly #sealer: Sealer
  readonly #clock: () => number

  constructor({ sealer, clock, maxCached = 10_000 }: SignedTokensOptions) {
    this.#sealer = sealer
    this.#clock = clock
    this.#held = new LRUCache({ max: maxCached })
  }

  /** At once: the end of the signature finds it, and only the same whole token is it. */
  recall(token: string, now: number): HeldToken | undefined {
    const held = this.#held.get(token.slice(-tailLength))
    // A clock that was set back must not lengthen what is remembered.
    return held !== undefined && held.token === token && now >= held.from && now < held.until
      ? held
      : undefined
  }

  /** The id of the key that a token names, which anybody may have written; null: it names none. */
  readKeyId(token: string): string | null {
    if (token.length > maxTokenLength) return null
    const iss = readToken(token, presentedTypes)?.claims.iss
    return typeof iss === 'string' && keyIdPattern.test(iss) ? iss : null
  }

  /**
   * Verifies a token by every secret of the key that still serves.
   * @returns null when none of them signed it, or it is not of now
   * @throws SealBroken when a secret cannot be opened: then nobody knows
   */
  async verify(key: CachedKey, keyId: string, token: string): Promise<HeldToken | null> {
    for (const { sealed } of key.signingSecrets(this.#clock())) {
      const payload = await this.#verifyBy(await this.#open(sealed, keyId), token)
      if (payload === null) continue
      const from = this.#clock()
      const endsAt = (payload.exp ?? Number.POSITIVE_INFINITY) * 1000
      const held = { token, keyId, sealed, endsAt, from, until: Math.min(endsAt, from + cacheMs) }
      this.#held.set(token.slice(-tailLength), held)
      return held
    }
    return null
  }

  async #open(sealed: string, keyId: string): Promise<Uint8Array> {
    // With the id: what is sealed for one key must not open for another because it was opened before.
    const name = `${keyId} ${sealed}`
    const known = this.#opened.get(name)
    if (known !== undefined) return known
    const secret = new Uint8Array(Buffer.from(await this.#sealer.open(sealed, sealedFor(keyId)), 'base64url'))
    this.#opened.set(name, secret)
    return secret
  }

  /** Null: the token is at fault. */
  async #verifyBy(secret: Uint8Array, token: string): Promise<{ exp?: number } | null> {
    try {
      const { payload } = await jwtVerify(token, secret, {
        algorithms: signatureAlgorithms,
        clockTolerance: clockToleranceSeconds,
        currentDate: new Date(this.#clock()),
      })
      return hasFiniteTimes(payload) ? payload : null
    } catch (error) {
      if (error instanceof errors.JOSEError) return null
      throw error
    }
  }
}

/**
 * The verdict of the key, as it is now, about a token with a good signature. A token that serves for long is not
 * forwarded, because a service that got it could use it everywhere for as long.
 */
export function judgeToken(key: CachedKey, { sealed, endsAt }: HeldToken, now: number): Verdict {
  const signedBy = key.signingSecrets(now).find((secret: SigningSecret) => secret.sealed === sealed)
  if (signedBy === undefined) return refused
  return endsAt - now > maxForwardedMs ? { ...signedBy.accepted, isForwardable: false } : signedBy.accepted
}
