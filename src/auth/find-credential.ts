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
const secretOffset = 1 + id + 1
const bodyEnd = secretOffset + secret
const maxPrefix = 10
/** What we and ordinary libraries write is much shorter. */
const maxHeader = 300
/** Of `{"alg":"HS256"}` in base64url. */
const minHeader = 20

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
 * The checksum of a secret covers the prefix and the id. Where both stand before the secret, it decides. Elsewhere 49
 * letters and digits are a pair behind an id and a colon, and a secret if there is a digit among them, so that a long word
 * stays.
 * Not found: the secret of an imported key, which has no shape, and tokens of the identity provider, which end soon.
 * @returns null: there is none
 */
export function findCredential(text: string): FoundCredential | null {
  // Characters that are not seen could stand between those of a value.
  const visible = text.replace(/\p{Default_Ignorable_Code_Point}/gu, '')
  const plain = decodeFully(visible)
  if (plain === null) return 'text under so many escapes'
  const forms = [...new Set([text, visible, plain, keepVisibleAscii(plain)])]
  const read = forms.map((form) => ({ form, ...checkValues(form) }))
  if (read.some(({ holdsValue }) => holdsValue)) return 'the value of a key'
  for (const { form, wrongAt } of read) {
    const found = findSecret(form, wrongAt) ?? findJwt(form)
    if (found !== null) return found
  }
  return null
}

/** @param wrongAt the beginnings of secrets whose checksum was compared and is wrong */
function findSecret(text: string, wrongAt: ReadonlySet<number>): FoundCredential | null {
  for (const { start, end, isEncoded } of findSecretRuns(text)) {
    if (isEncoded) return 'the id and the secret of a key'
    if (wrongAt.has(start)) continue
    const [before = '', id = ''] = [text[start - 1], text[start - 2]]
    if (before === ':' && /[A-Za-z0-9._-]/.test(id)) return 'the id and the secret of a key'
    if (/[0-9]/.test(text.slice(start, end))) return 'the secret of a key'
  }
  return null
}

/**
 * Compares the checksum wherever a prefix and an id stand before a secret. The prefix may be any end of the word there, in
 * any case of letters.
 * @returns `wrongAt`: where the secrets begin whose checksum is wrong for every such prefix
 */
function checkValues(text: string): { holdsValue: boolean; wrongAt: ReadonlySet<number> } {
  const wrongAt = new Set<number>()
  for (const { index } of text.matchAll(tailPattern)) {
    const tail = text.slice(index, index + bodyEnd)
    const sum = text.slice(index + bodyEnd, index + bodyEnd + checksum)
    for (let start = index - 1; start >= Math.max(0, index - maxPrefix); start--) {
      const prefix = text.slice(start, index).toLowerCase()
      if (!/^[a-z0-9]/.test(prefix)) break
      if (/^[0-9]/.test(prefix)) continue
      if (checksumOf(prefix + tail) === sum) return { holdsValue: true, wrongAt }
      wrongAt.add(index + secretOffset)
    }
  }
  return { holdsValue: false, wrongAt }
}

function findJwt(text: string): FoundCredential | null {
  if (!text.includes('eyJ')) return null
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

/**
 * Reads the header at the end of a part, which is JSON in base64url and so begins with `eyJ`. Other characters may stand
 * before it. Four characters are three bytes, so each of four places decodes all headers that could begin there. The JSON
 * is not parsed, because a part may hold a hundred beginnings.
 */
function kindOfHeader(part: string): FoundCredential | null {
  if (part.length < minHeader || !part.includes('eyJ')) return null
  for (const skipped of [0, 1, 2, 3]) {
    const bytes = Buffer.from(part.slice(skipped), 'base64url').toString('latin1')
    const header = bytes.replace(jsonEscapes, (_escape, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    )
    if (/"typ"\s*:\s*"link\+jwt"/.test(header)) return 'a link'
    if (/"alg"\s*:\s*"HS(?:256|384|512)"/.test(header)) return 'a JWT that a key signed'
  }
  return null
}

const jsonEscapes = /\\u00([0-7][0-9a-f])/gi
