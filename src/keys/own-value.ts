import { decodeFully, keepVisibleAscii } from '../encoded-text.js'
import { Problem } from '../problems/problem.js'
import { listTexts } from './storable-json.js'
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
  const holdsOwn = (text: string) =>
    [text, decodeFully(text) ?? ''].some((form) =>
      [...form.split(/\s+/), ...form.split(/[\s"'`<>()[\],;=?&]+/)].some(isOwn),
    )
  refuseTexts({ name, note, config }, holdsOwn)
}

/** A shorter one stands in many words by chance. */
const minContainedLength = 8

/**
 * Refuses the secret of a key that is imported anywhere in a text about it: alone, behind its id, and as Basic encodes
 * both. Here the secret itself is known, so that its shape does not matter.
 * @param texts all that is stored of the key, by the names of the members
 * @throws Problem validation_failed
 */
export function requireNotOwnSecret(
  texts: Record<string, unknown>,
  { id, secret }: { id: string; secret: string },
): void {
  const pair = `${id}:${secret}`
  const plain = secret.length < minContainedLength ? [pair] : [secret, pair]
  const forms = plain.flatMap((text) => [text, ...listBase64(text)])
  const holdsSecret = (text: string) => {
    const decoded = decodeFully(text) ?? ''
    return [text, decoded, keepVisibleAscii(decoded)].some((read) =>
      forms.some((form) => read.includes(form)),
    )
  }
  refuseTexts(texts, holdsSecret)
}

/** Without the padding. */
const listBase64 = (text: string): string[] =>
  (['base64', 'base64url'] as const).map((encoding) =>
    Buffer.from(text).toString(encoding).replaceAll('=', ''),
  )

function refuseTexts(texts: Record<string, unknown>, isRefused: (text: string) => boolean): void {
  const errors = Object.entries(texts).flatMap(([path, value]) =>
    listTexts(value).some(isRefused)
      ? [{ path, message: 'must not hold the value of this key: it would be stored and shown' }]
      : [],
  )
  if (errors.length > 0) throw new Problem('validation_failed', { errors })
}
