import { Problem } from '../problems/problem.js'
import { hashValue } from './value.js'

/** Texts of a key that are stored and shown, by the names of their members. */
export type StoredTexts = { name?: string; note?: string; config?: unknown }

/**
 * Refuses a key's own value, or its secret alone, as a word of a text about it. Of an imported key these have no shape
 * by which they would be found otherwise, only their hash.
 * @param key its id, and the hashes of its values
 * @throws Problem validation_failed
 */
export function requireNotOwnValue(
  { name, note, config }: StoredTexts,
  key: { id: string; hashes: readonly Uint8Array[] },
): void {
  const own = new Set(key.hashes.map((hash) => Buffer.from(hash).toString('hex')))
  const isOwn = (word: string) =>
    [word, `${key.id}:${word}`].some((value) => own.has(hashValue(value).toString('hex')))
  const texts = { name, note, config: config === undefined ? undefined : JSON.stringify(config) }
  const errors = Object.entries(texts).flatMap(([path, text = '']) =>
    text.split(/[\s"]+/).some(isOwn)
      ? [{ path, message: 'must not hold the value of this key: it would be stored and shown' }]
      : [],
  )
  if (errors.length > 0) throw new Problem('validation_failed', { errors })
}
