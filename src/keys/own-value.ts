import { decodeFully, keepVisibleAscii } from '../encoded-text.js'
import { Problem } from '../problems/problem.js'
import { listTexts } from './storable-json.js'
import { hashValue } from './value.js'

/** Texts of a key that are stored and shown, by the names of their members. */
export type StoredTexts = { name?: string; note?: string; config?: unknown }

/**
 * Refuses a key's own value, or its secret alone, as a word of a text about it, in a URL, a header or base64 too. Of an
 * imported key these have no shape by which they would be found otherwise, only their hash. At most 2,000 words are
 * hashed.
 * @param key its id, and the hashes of its values
 * @throws Problem validation_failed
 */
export function requireNotOwnValue(
  { name, note, config }: StoredTexts,
  key: { id: string; hashes: readonly Uint8Array[] },
): void {
  const own = new Set(key.hashes.map((hash) => Buffer.from(hash).toString('hex')))
  const seen = new Set<string>()
  const isOwn = (word: string) => {
    if (seen.has(word) || seen.size >= maxHashedWords) return false
    seen.add(word)
    return [word, `${key.id}:${word}`].some((value) => own.has(hashValue(value).toString('hex')))
  }
  const holdsOwn = (text: string) => {
    const decoded = decodeFully(text) ?? ''
    const visible = decoded.replace(/\p{Default_Ignorable_Code_Point}/gu, '')
    return [...new Set([text, decoded, visible])].some((form) => listPossibleValues(form, key.id).some(isOwn))
  }
  refuseTexts({ name, note, config }, holdsOwn)
}

/** A text is in a transaction that holds its owner, and a hash takes a microsecond. */
const maxHashedWords = 2000
/** More separators each time, because a secret may have some of them in it. */
const betweenWords = [/\s+/, /[\s"'`<>()[\],;=?&]+/, /[\s"'`<>()[\],;=?&{}|@]+/, /[\s"'`<>()[\],;=?&{}|@/:]+/]
const separator = /[/@:|{}<>()[\],;=?&"'`]/g
/** As `prepareImport` takes it. */
const maxSecretLength = 512
const maxEnds = 64

/** Lists what may be a key's value or its secret in a text: words, what follows the id, and what is in base64. */
function listPossibleValues(text: string, id: string): string[] {
  return [
    ...betweenWords.flatMap((separators) => text.split(separators)).flatMap(listWithoutStops),
    ...listAfterId(text, id).flatMap(listWithoutStops),
    ...[...text.matchAll(/[A-Za-z0-9+/]{8,}/g), ...text.matchAll(/[A-Za-z0-9_-]{8,}/g)].map(([word]) =>
      Buffer.from(word, 'base64').toString().trim(),
    ),
  ].filter((word) => word !== '')
}

/** The stops at the end of a sentence, which a secret may end with too. */
function listWithoutStops(word: string): string[] {
  const words = [word]
  for (let end = word.length - 1; /[.!]/.test(word.charAt(end)) && words.length < 4; end -= 1)
    words.push(word.slice(0, end))
  return words
}

/** What follows an id and a colon, up to each separator, because a secret may have separators in it. */
function listAfterId(text: string, id: string): string[] {
  const found: string[] = []
  const mark = `${id}:`
  for (
    let at = text.indexOf(mark);
    at !== -1 && found.length < maxHashedWords;
    at = text.indexOf(mark, at + 1)
  ) {
    const start = at + mark.length
    const [rest = ''] = text.slice(start, start + maxSecretLength + 1).split(/\s/, 1)
    const ends = [...rest.matchAll(separator)].slice(0, maxEnds).map(({ index }) => index)
    found.push(rest, ...ends.map((end) => rest.slice(0, end)))
  }
  return found
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
