import { crc32 } from 'node:zlib'

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** How many characters of base62 each part of a value has: `<prefix>_<id>_<secret><checksum>`. */
export const partLengths = { id: 8, secret: 43, checksum: 6 } as const

/**
 * The id in a value of our shape, read without looking anything up; null for anything else. The checksum is
 * not looked at: `hasValidChecksum` is for the moment before a look-up.
 */
export function readKeyId(value: string, prefix: string): string | null {
  const idAt = prefix.length + 1
  const secretAt = idAt + partLengths.id + 1
  if (value.length !== secretAt + partLengths.secret + partLengths.checksum) return null
  if (!value.startsWith(prefix) || value[prefix.length] !== '_' || value[secretAt - 1] !== '_') return null
  return value.slice(idAt, secretAt - 1)
}

const bodyPattern = /^[a-z][a-z0-9]*_[0-9A-Za-z]+_[0-9A-Za-z]+$/

export function hasValidChecksum(value: string): boolean {
  const body = value.slice(0, -partLengths.checksum)
  return bodyPattern.test(value) && checksumOf(body) === value.slice(-partLengths.checksum)
}

/**
 * The value that an id and a secret make. Of a key of ours the secret is the last part of its value, or all of it; of
 * any other pair, which only a key that was imported can have, the two with a colon between them.
 */
export function valueOfPair(id: string, secret: string, prefix: string): string {
  if (readKeyId(secret, prefix) === id) return secret
  const value = `${prefix}_${id}_${secret}`
  // With its checksum, since somebody may import a secret of this length.
  return readKeyId(value, prefix) === id && hasValidChecksum(value) ? value : `${id}:${secret}`
}

/** The CRC-32 of what stands before it, which finds typing errors without a look-up. */
export function checksumOf(body: string): string {
  let digits = ''
  for (let rest = crc32(body); digits.length < partLengths.checksum; rest = Math.floor(rest / 62)) {
    digits = alphabet[rest % 62] + digits
  }
  return digits
}

export function encodeBase62(number: bigint, length: number): string {
  let digits = ''
  for (let rest = number; rest > 0n; rest /= 62n) digits = alphabet[Number(rest % 62n)] + digits
  return digits.padStart(length, '0')
}
