import { LRUCache } from 'lru-cache'
import type { Keyring } from '../assertion/keyring.js'
import type { RefusalRate, Verdict, Verify } from '../auth/types.js'
import { listReadings } from '../gateway/readings.js'
import type { CachedKey } from '../keys/cached-key.js'
import type { KeyVerifier } from '../keys/verify.js'
import { isWrittenAsLink, type Link, readLink } from './token.js'

export interface LinkVerifierOptions {
  keyring: Pick<Keyring, 'verifier'>
  keys: Pick<KeyVerifier, 'verifyBy'>
  refusals: RefusalRate
  /** Milliseconds since the epoch. */
  clock: () => number
  /** Verified links that are remembered. Default 10,000. */
  maxCached?: number
}

const refused: Verdict = { kind: 'refused' }
/** Then it is looked at again, in case what signed it was withdrawn. */
const cacheMs = 60_000
/** Of the signature, by which a link is remembered: the whole token is compared. */
const tailLength = 43

/** A link whose signature was good. What it opens is up to its key, each time anew. */
class HeldLink {
  #accepted: { of: CachedKey; verdict: Verdict } | null = null
  #readings: { depth: number; all: readonly string[] } | null = null

  constructor(
    readonly token: string,
    readonly link: Link,
    /** Milliseconds since the epoch. */
    readonly from: number,
  ) {}

  /** Whether its signature need not be looked at again. A clock that was set back must not lengthen that. */
  isFresh(now: number): boolean {
    return now >= this.from && now < this.from + cacheMs
  }

  /** They depend on the service, whose prefix may change. */
  readonly #listReadings = (depth: number): readonly string[] => {
    if (this.#readings?.depth !== depth)
      this.#readings = { depth, all: listReadings(this.link.path, { depth }) ?? [] }
    return this.#readings.all
  }

  readonly judge = (key: CachedKey, now: number): Verdict => {
    const { generation, endsAt } = this.link
    if (now >= endsAt || !key.hasLinks(generation, now)) return refused
    // One verdict for all tiles of a map, until the key is read anew.
    if (this.#accepted?.of !== key) this.#accepted = { of: key, verdict: this.#accept(key) }
    return this.#accepted.verdict
  }

  /** The key with all its bounds, and those of the link. */
  #accept(key: CachedKey): Verdict {
    const { principal, allowedReferers, allowedIps, allowsAddress, expiresAt, authorized, limited } = key
    const { path, endsAt } = this.link
    return {
      ...{ kind: 'accepted', principal },
      key: {
        ...{ allowedReferers, allowedIps, allowsAddress, expiresAt, authorized, limited },
        ...{ readOnly: true, validUntil: endsAt, linkedPath: path, listLinkedReadings: this.#listReadings },
      },
      recordUse: (at, address, userAgent) => key.recordUse(at, address, userAgent),
    }
  }
}

/** Makes the check of links: a signature each minute and link, and all else from memory. */
export function createLinkVerifier(options: LinkVerifierOptions): Verify {
  const { keyring, keys, refusals, clock, maxCached = 10_000 } = options
  const held = new LRUCache<string, HeldLink>({ max: maxCached })
  const underway = new Map<string, Promise<HeldLink | null>>()

  return (token, address) => {
    const known = held.get(token.slice(-tailLength))
    const now = clock()
    if (known !== undefined && known.token === token && now < known.link.endsAt) {
      // It was good a minute ago: whoever else guesses from that address must not hold it up.
      return known.isFresh(now) ? verifyBy(known) : verifySignature(token, address)
    }
    if (!isWrittenAsLink(token)) return refused
    const retryAfterSeconds = refusals.retryAfterSeconds(address)
    if (retryAfterSeconds > 0) return { kind: 'throttled', retryAfterSeconds }
    return verifySignature(token, address)
  }

  function verifyBy({ link, judge }: HeldLink): Verdict | Promise<Verdict> {
    return keys.verifyBy(link.keyId, judge)
  }

  async function verifySignature(token: string, address: string): Promise<Verdict> {
    try {
      const found = await readOnce(token)
      if (found !== null) return verifyBy(found)
      refusals.count(address)
      return refused
    } catch (cause) {
      return { kind: 'unavailable', cause }
    }
  }

  /** A map asks for all of its tiles at once: one signature for all who wait for it. */
  function readOnce(token: string): Promise<HeldLink | null> {
    let reading = underway.get(token)
    if (reading === undefined) {
      reading = read(token).finally(() => underway.delete(token))
      underway.set(token, reading)
    }
    return reading
  }

  async function read(token: string): Promise<HeldLink | null> {
    const from = clock()
    const link = await readLink(token, keyring, from)
    if (link === null) return null
    const found = new HeldLink(token, link, from)
    held.set(token.slice(-tailLength), found)
    return found
  }
}
