import { SignJWT } from 'jose'
import { createIdentityHeaders, describeIdentity } from '../auth/identity-headers.js'
import type { Principal } from '../auth/types.js'
import { algorithm, type Keyring, type Signer } from './keyring.js'

/** What a service is sent about its caller, by the names of headers. */
export type CallerHeaders = Readonly<Record<string, string>>

export interface AssertionOptions {
  /** How the names of headers begin, as `Latchkey`. */
  prefix: string
  /** `iss`: this service's own URL. */
  issuer: string
  keyring: Pick<Keyring, 'signer'>
  /** Milliseconds since the epoch. Default: the system's clock. */
  clock?: () => number
}

export interface Assertions {
  /**
   * The identity headers with the assertion for that service, which is empty where this replica has nothing to sign
   * with. At once where one is remembered, which holds for nearly every call; the records are frozen.
   * @param principal null where nobody had to say who they are: every header is there, and empty
   * @throws in the promise, when signing fails
   */
  headersFor(principal: Principal | null, serviceId: string): CallerHeaders | Promise<CallerHeaders>
}

const lifetimeMs = 60_000
/** One assertion serves for so long, so that what a service is sent has half of its life left. */
const reuseMs = lifetimeMs / 2
/** From then on the next one is made beside, and nobody waits for it. */
const renewMs = 20_000

interface Signed {
  readonly headers: CallerHeaders
  /** Milliseconds since the epoch. */
  readonly from: number
  readonly until: number
}

/**
 * Tells services who is calling in a way that needs no trust in the network between: a JWT of 60 seconds for one
 * service. A signature costs more than all the rest of a call, so calls of one caller to one service share it.
 */
export function createAssertions({
  prefix,
  issuer,
  keyring,
  clock = Date.now,
}: AssertionOptions): Assertions {
  const identityHeaders = createIdentityHeaders({ prefix })
  const name = `${prefix}-Assertion`
  const unsigned = new WeakMap<Principal, CallerHeaders>()
  const nobody = complete(null, '')
  // They go with their principals, of whom whoever verifies credentials remembers so many and no more.
  const known = new WeakMap<Principal, Map<string, Signed>>()
  const underway = new WeakMap<Principal, Map<string, Promise<CallerHeaders>>>()

  return { headersFor }

  function headersFor(
    principal: Principal | null,
    serviceId: string,
  ): CallerHeaders | Promise<CallerHeaders> {
    if (principal === null) return nobody
    const signer = keyring.signer()
    if (signer === null) return remember(unsigned, principal, () => complete(principal, ''))
    const signed = known.get(principal)?.get(serviceId)
    const now = clock()
    // A clock that was set back must not lengthen anything.
    if (signed === undefined || now < signed.from || now >= signed.until) {
      return signOnce(principal, serviceId, signer)
    }
    if (now - signed.from >= renewMs) signOnce(principal, serviceId, signer).catch(ignore)
    return signed.headers
  }

  /** One signature for all who wait for it. */
  function signOnce(principal: Principal, serviceId: string, signer: Signer): Promise<CallerHeaders> {
    const waiting = remember(underway, principal, () => new Map<string, Promise<CallerHeaders>>())
    let signing = waiting.get(serviceId)
    if (signing === undefined) {
      signing = sign(principal, serviceId, signer).finally(() => waiting.delete(serviceId))
      waiting.set(serviceId, signing)
    }
    return signing
  }

  async function sign(principal: Principal, serviceId: string, { kid, key }: Signer): Promise<CallerHeaders> {
    const from = clock()
    const endsAt = Math.min(from + lifetimeMs, principal.expiresAt ?? Number.POSITIVE_INFINITY)
    const { subject, keyId, ...identity } = describeIdentity(principal)
    const token = await new SignJWT({ ...identity, ...(keyId === '' ? {} : { key_id: keyId }) })
      // Its own type, so that no other token of the same keys passes for one (RFC 8725 §3.11).
      .setProtectedHeader({ alg: algorithm, kid, typ: 'assertion+jwt' })
      .setIssuer(issuer)
      .setAudience(serviceId)
      .setSubject(subject)
      .setIssuedAt(Math.floor(from / 1000))
      .setExpirationTime(Math.floor(endsAt / 1000))
      .sign(key)
    const headers = complete(principal, token)
    const until = Math.min(from + reuseMs, endsAt)
    remember(known, principal, () => new Map()).set(serviceId, { headers, from, until })
    return headers
  }

  function complete(principal: Principal | null, token: string): CallerHeaders {
    return Object.freeze({ ...identityHeaders(principal), [name]: token })
  }
}

function remember<K extends object, V>(memory: WeakMap<K, V>, of: K, make: () => V): V {
  let value = memory.get(of)
  if (value === undefined) {
    value = make()
    memory.set(of, value)
  }
  return value
}

/** Whoever needs the signature that failed tries anew. */
const ignore = () => {}
