import { hash } from 'node:crypto'
import { crc32 } from 'node:zlib'

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const idLength = 8
const secretLength = 43
const checksumLength = 6
const secretBytes = 32

/** Random bytes; passed in so that tests can repeat them. */
export type Random = (size: number) => Buffer

export const newKeyId = (random: Random) =>
  // 128 bits for 48: what is cut off leaves no measurable bias.
  encodeBase62(BigInt(`0x${random(16).toString('hex')}`) % 62n ** BigInt(idLength), idLength)

/** A new value for a key, of 256 random bits and a checksum that finds typing errors without a look-up. */
export function newValue(prefix: string, id: string, random: Random): string {
  const secret = encodeBase62(BigInt(`0x${random(secretBytes).toString('hex')}`), secretLength)
  const body = `${prefix}_${id}_${secret}`
  return body + checksum(body)
}

/**
 * The id in a value of our shape, read without looking anything up; null for anything else. The checksum is
 * not looked at: `hasValidChecksum` is for the moment before a look-up.
 */
export function readKeyId(value: string, prefix: string): string | null {
  const idAt = prefix.length + 1
  const secretAt = idAt + idLength + 1
  if (value.length !== secretAt + secretLength + checksumLength) return null
  if (!value.startsWith(prefix) || value[prefix.length] !== '_' || value[secretAt - 1] !== '_') return null
  return value.slice(idAt, secretAt - 1)
}

const bodyPattern = /^[a-z][a-z0-9]*_[0-9A-Za-z]+_[0-9A-Za-z]+$/

export function hasValidChecksum(value: string): boolean {
  const body = value.slice(0, -checksumLength)
  return bodyPattern.test(value) && checksum(body) === value.slice(-checksumLength)
}

/** What is stored of a value: a fast hash is right for 256 random bits (OWASP ASVS 5, 11.4 and 6.5.2). */
export const hashValue = (value: string): Buffer => hash('sha256', value, 'buffer')

/**
 * The hash of a presented value, to be compared at once: the next call writes over it. A buffer of its own would
 * cost twice as much as the hash.
 */
export function hashPresented(value: string): Buffer {
  presented.write(hash('sha256', value, 'binary'), 'binary')
  return presented
}

const presented = Buffer.alloc(32)

function checksum(body: string): string {
  let digits = ''
  for (let rest = crc32(body); digits.length < checksumLength; rest = Math.floor(rest / 62)) {
    digits = alphabet[rest % 62] + digits
  }
  return digits
}

function encodeBase62(number: bigint, length: number): string {
  let digits = ''
  for (let rest = number; rest > 0n; rest /= 62n) digits = alphabet[Number(rest % 62n)] + digits
  return digits.padStart(length, '0')
}
