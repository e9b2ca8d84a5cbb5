import { hash } from 'node:crypto'
import { checksumOf, encodeBase62, partLengths } from '../auth/key-shape.js'

export { hasValidChecksum, readKeyId } from '../auth/key-shape.js'

const secretBytes = 32

/** Random bytes; passed in so that tests can repeat them. */
export type Random = (size: number) => Buffer

export const newKeyId = (random: Random) =>
  // 128 bits for 48: what is cut off leaves no measurable bias.
  encodeBase62(BigInt(`0x${random(16).toString('hex')}`) % 62n ** BigInt(partLengths.id), partLengths.id)

/** A new value for a key, of 256 random bits and a checksum that finds typing errors without a look-up. */
export function newValue(prefix: string, id: string, random: Random): string {
  const secret = encodeBase62(BigInt(`0x${random(secretBytes).toString('hex')}`), partLengths.secret)
  const body = `${prefix}_${id}_${secret}`
  return body + checksumOf(body)
}

const ownIdPattern = /^[0-9A-Za-z]{8}$/

/** A new value for any key: one whose id an administrator chose has the id, a colon and a secret, as when it was imported. */
export function newValueFor(prefix: string, id: string, random: Random): string {
  const value = newValue(prefix, id, random)
  return ownIdPattern.test(id) ? value : `${id}:${secretOf(value)}`
}

/** The last part of a new value: what the key signs JWTs with, by its UTF-8 bytes. */
export const secretOf = (value: string): string =>
  value.slice(Math.max(value.lastIndexOf('_'), value.lastIndexOf(':')) + 1)

/** Ids of all keys: those that administrators choose may have dots and hyphens. */
export const keyIdPattern = /^(?!\.+$)[A-Za-z0-9.-]{1,64}$/

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
