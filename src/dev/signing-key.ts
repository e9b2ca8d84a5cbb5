import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK } from 'jose'

/** A new private RS256 key. Kept by the caller, it lets access tokens survive a restart. */
export async function generateSigningKey(): Promise<JWK> {
  const { privateKey } = await generateKeyPair('RS256', { extractable: true })
  const key = await exportJWK(privateKey)
  return { ...key, kid: await calculateJwkThumbprint(key), alg: 'RS256', use: 'sig' }
}

/** The half of a signing key that anybody may have. */
export function publicKeyOf({ kty, n, e, kid, alg, use }: JWK): JWK {
  return Object.fromEntries(
    Object.entries({ kty, n, e, kid, alg, use }).filter(([, value]) => value !== undefined),
  ) as JWK // Object.fromEntries forgets the names of the members.
}
