import { type CryptoKey, decodeProtectedHeader, errors, jwtVerify, SignJWT } from 'jose'
import { algorithm, type Keyring, type Signer } from '../assertion/keyring.js'
import { hasFiniteTimes } from '../auth/token-rules.js'

/** What a link says: the key that it presents, and where and until when it may. */
export interface Link {
  readonly keyId: string
  /** Of the key's links: those of an earlier one are dead. */
  readonly generation: number
  /** At the gateway, normalised. */
  readonly path: string
  /** Milliseconds since the epoch. */
  readonly endsAt: number
}

/** Its own type, so that no other token of the same keys passes for a link, nor a link for another (RFC 8725 §3.11). */
const type = 'link+jwt'
/** An assertion names a service here, whose id has no slash. */
const audience = '/k'
/** A path of 2,000 characters takes 2,667 of it. */
const maxLength = 4096

/** Signs a link: a JWT with as little in it as can be, since it stands in a URL. */
export const signLink = ({ keyId, generation, path, endsAt }: Link, { kid, key }: Signer): Promise<string> =>
  new SignJWT({ aud: audience, sub: keyId, gen: generation, path, exp: endsAt / 1000 })
    .setProtectedHeader({ alg: algorithm, kid, typ: type })
    .sign(key)

/**
 * Three parts, the last of 64 bytes in the one way to write them: a decoder that skips blanks, or bits that mean nothing,
 * would take other strings for the same link.
 */
const shape = /^[\w-]+\.[\w-]+\.[\w-]{85}[AQgw]$/

/** Whether it is written as a link at all: what is not needs no key to be refused by. */
export function isWrittenAsLink(token: string): boolean {
  if (token.length > maxLength || !shape.test(token)) return false
  try {
    const { alg, typ } = decodeProtectedHeader(token)
    return alg === algorithm && typ === type
  } catch {
    return false
  }
}

/**
 * Reads a link that this service signed.
 * @returns null for any other token, and for one that has ended
 * @throws KeyringUnreadable when nobody knows who signed it
 */
export async function readLink(
  token: string,
  keyring: Pick<Keyring, 'verifier'>,
  now: number,
): Promise<Link | null> {
  try {
    const { payload } = await jwtVerify(token, ({ kid = '' }) => requireKey(keyring, kid), {
      ...{ algorithms: [algorithm], typ: type, audience, currentDate: new Date(now) },
      requiredClaims: ['sub', 'gen', 'path', 'exp'],
    })
    if (!hasFiniteTimes(payload)) return null
    // As `signLink` wrote them: only this service has the key.
    const { sub, gen, path, exp } = payload as { sub: string; gen: number; path: string; exp: number }
    const link: Link = { keyId: sub, generation: gen, path, endsAt: Math.round(exp * 1000) }
    // To the millisecond: the library counts whole seconds.
    return now < link.endsAt ? link : null
  } catch (error) {
    if (error instanceof errors.JOSEError) return null
    throw error
  }
}

async function requireKey(keyring: Pick<Keyring, 'verifier'>, kid: string): Promise<CryptoKey> {
  const key = await keyring.verifier(kid)
  if (key === null) throw new errors.JWKSNoMatchingKey()
  return key
}
