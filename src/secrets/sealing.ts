import { hkdfSync } from 'node:crypto'
import { CompactEncrypt, compactDecrypt, decodeProtectedHeader } from 'jose'

/** Keeps what must be read back, as the secret of an HMAC, from whoever reads the database alone. */
export interface Sealer {
  /**
   * @param boundTo what the plaintext belongs to, as `key:<id>`: the result opens for nothing else, so that a row
   *   copied over another is of no use. It can be read in the result
   * @returns text of base64url and dots
   */
  seal(plaintext: string, boundTo: string): Promise<string>
  /** @throws SealBroken */
  open(sealed: string, boundTo: string): Promise<string>
}

/** Sealed with a secret that is not configured (any more), bound to something else, or changed since. */
export class SealBroken extends Error {
  override readonly name = 'SealBroken'
}

interface SealingKey {
  /** Names the secret without telling it. */
  kid: string
  bytes: Uint8Array
}

/**
 * AES-256-GCM, as compact JWE (`dir`).
 * @param secrets the first seals, all open: put a new one in front to change it
 * @returns null without any secret
 * @see RFC 7516 §3.1, RFC 7518 §4.5, RFC 5869
 */
export function createSealer(secrets: readonly string[]): Sealer | null {
  const keys = secrets.map(deriveKey)
  const [newest] = keys
  if (newest === undefined) return null
  return {
    seal: (plaintext, boundTo) =>
      new CompactEncrypt(new TextEncoder().encode(plaintext))
        .setProtectedHeader({ alg: 'dir', enc: 'A256GCM', kid: newest.kid, sub: boundTo })
        .encrypt(newest.bytes),

    async open(sealed, boundTo) {
      try {
        const { kid } = decodeProtectedHeader(sealed)
        const key = keys.find((candidate) => candidate.kid === kid)
        if (key === undefined) throw new SealBroken('It was sealed with a secret that is not configured')
        const { plaintext, protectedHeader } = await compactDecrypt(sealed, key.bytes, {
          keyManagementAlgorithms: ['dir'],
          contentEncryptionAlgorithms: ['A256GCM'],
        })
        if (protectedHeader.sub !== boundTo) throw new SealBroken('It is bound to something else')
        return new TextDecoder().decode(plaintext)
      } catch (error) {
        throw error instanceof SealBroken ? error : new SealBroken('It cannot be opened', { cause: error })
      }
    },
  }
}

/** A KDF for secrets of full strength, which the generated ones are: there is no password to guess. */
function deriveKey(secret: string): SealingKey {
  const derive = (info: string, lengthBytes: number) => hkdfSync('sha256', secret, '', info, lengthBytes)
  return {
    kid: Buffer.from(derive('latchkey sealing key id', 6)).toString('base64url'),
    bytes: new Uint8Array(derive('latchkey sealing key', 32)),
  }
}
