import { Problem } from '../problems/problem.js'
import type { Sealer } from '../secrets/sealing.js'
import type { StoredValue } from '../store/keys.js'
import type { KeyContext } from './context.js'
import { sealedFor } from './signed-tokens.js'
import { hashValue, newValueFor, secretOf } from './value.js'

interface ForKey {
  id: string
  /** Whether the key signs JWTs: then its secret is kept too, sealed. */
  jwt: boolean
}

/**
 * Makes a new value for a key.
 * @returns the value, that is never to be had again, and what is stored of it
 * @throws Problem validation_failed naming `jwt`, where nothing can be sealed
 */
export async function makeValue(
  { policy, random, sealer }: Pick<KeyContext, 'policy' | 'random' | 'sealer'>,
  { id, jwt }: ForKey,
): Promise<{ value: string; stored: StoredValue }> {
  const value = newValueFor(policy.prefix, id, random)
  const sealedSecret = jwt ? await sealSecret(sealer, id, Buffer.from(secretOf(value))) : null
  return { value, stored: { hash: hashValue(value), sealedSecret } }
}

/**
 * Seals what a key signs JWTs with.
 * @throws Problem validation_failed naming `jwt`, where nothing can be sealed
 */
export function sealSecret(sealer: Sealer | null, id: string, hmacKey: Buffer): Promise<string> {
  if (sealer === null) {
    const message = 'must be false: this service has no KEY_ENCRYPTION_SECRET to seal the secret with'
    throw new Problem('validation_failed', { errors: [{ path: 'jwt', message }] })
  }
  return sealer.seal(hmacKey.toString('base64url'), sealedFor(id))
}
