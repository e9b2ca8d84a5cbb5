import { decodeFully, keepVisibleAscii } from '../encoded-text.js'
import { findSecretRuns } from '../secret-runs.js'
import { checksumOf, partLengths } from './key-shape.js'

/** What was found in a text, in the words of an answer: never the text itself. */
export type FoundCredential =
  | 'the value of a key'
  | 'the id and the secret of a key'
  | 'the secret of a key'
  | 'a link'
  | 'a JWT that a key signed'
  | 'text under so many escapes'

const { id, secret, checksum } = partLengths
const bodyEnd = 1 + id + 1 + secret
const maxPrefix = 10
/** What we and ordinary libraries write is much shorter. */
const maxHeader = 300

/**
 * What follows the prefix of a value: an id of 8 characters, and a secret of 43 with its checksum. Looked for at every
 * place, because a value may begin within another word.
 */
const tailPattern = /(?=_[0-9A-Za-z]{8}_[0-9A-Za-z]{49})/g

/**
 * Finds a credential of this service anywhere in a text that is about to be stored: the value of a key with its
 * checksum, whatever its prefix; its id and secret with a colon between them, as Basic encodes them; its secret alone; a
 * link; a JWT with an HMAC, which only keys sign. Reads escaped text and base64 too.
 *
 * The checksum of a secret covers the prefix, which a pair does not tell, and so it is not looked at there: 49 letters and
 * digits behind an id are a pair. Without an id they are a secret if there is a digit among them, so that a long word stays.
 * Not found: the secret of an imported key, which has no shape, and tokens of the identity provider, which end soon.
 * @returns null: there is none
 */
export function findCredential(text: string): FoundCredential | null {
  // Characters that are not seen could stand between those of a value.
  const visible = text.replace(/\p{Default_Ignorable_Code_Point}/gu, '')
  const plain = decodeFully(visible)
  if (plain === null) return 'text under so many escapes'
  const forms = [...new Set([text, visible, plain, keepVisibleAscii(plain)])]
  if (forms.some(holdsValue)) return 'the value of a key'
  for (const form of forms) {
    const found = findSecret(form) ?? findJwt(form)
    if (found !== null) return found
  }
  return null
}

function findSecret(text: string): FoundCredential | null {
  for (const { start, end, isEncoded } of findSecretRuns(text)) {
    if (isEncoded) return 'the id and the secret of a key'
    const [before = '', id = ''] = [text[start - 1], text[start - 2]]
    if (before === ':' && /[A-Za-z0-9._-]/.test(id)) return 'the id and the secret of a key'
    // Behind an underscore it is the end of a value, whose checksum was looked at.
    if (before !== '_' && /[0-9]/.test(text.slice(start, end))) return 'the secret of a key'
  }
  return null
}

function holdsValue(text: string): boolean {
  for (const { index } of text.matchAll(tailPattern)) {
    const tail = text.slice(index, index + bodyEnd)
    const sum = text.slice(index + bodyEnd, index + bodyEnd + checksum)
    for (let start = index - 1; start >= Math.max(0, index - maxPrefix); start--) {
      const prefix = text.slice(start, index)
      if (!/^[a-z0-9]/.test(prefix)) break
      if (/^[a-z]/.test(prefix) && checksumOf(prefix + tail) === sum) return true
    }
  }
  return false
}

function findJwt(text: string): FoundCredential | null {
  for (const word of text.split(/[^\w.-]/)) {
    const parts = word.split('.')
    for (const [at, part] of parts.entries()) {
      if (!parts[at + 1] || !parts[at + 2]) continue
      const kind = kindOfHeader(part.slice(-maxHeader))
      if (kind !== null) return kind
    }
  }
  return null
}

/** @param part may have other characters before the header, which is JSON in base64url and so begins with `eyJ` */
function kindOfHeader(part: string): FoundCredential | null {
  for (let at = part.indexOf('eyJ'); at >= 0; at = part.indexOf('eyJ', at + 1)) {
    const { alg, typ } = parseHeader(part.slice(at))
    if (typ === 'link+jwt') return 'a link'
    if (typeof alg === 'string' && /^HS(256|384|512)$/.test(alg)) return 'a JWT that a key signed'
  }
  return null
}

function parseHeader(text: string): Record<string, unknown> {
  try {
    const header: unknown = JSON.parse(Buffer.from(text, 'base64url').toString())
    return typeof header === 'object' && header !== null ? { ...header } : {}
  } catch {
    return {}
  }
}
