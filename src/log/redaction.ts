import { decodeFully, keepVisibleAscii } from '../encoded-text.js'
import { hidden, hideShapes, hideUserinfo } from './shapes.js'

export { redactUrl } from './urls.js'

/**
 * Takes out of a finished line whatever has the shape of a credential: the last guard, for the error that
 * quotes a header and the path that someone pasted a key into. Not only whole words: a `%20` may stand before one.
 * @param secrets that are taken out too, whatever their shape
 */
export function createLineRedactor(
  keyPrefix: string,
  secrets: readonly string[] = [],
): (line: string) => string {
  // Of a secret that was cut, some are left. Some programs write the prefix in capitals.
  const keyValue = new RegExp(`(${keyPrefix}_[0-9a-z]{8}_)[0-9a-z]{8,}`, 'gi')
  const scheme = /\b(Bearer|Apikey|Basic)[ +]+[\w.~+/=%-]{8,}/gi
  // First, while they are whole: what has a shape is only a part of some.
  const withoutSecrets = (line: string) =>
    secrets.reduce((rest, secret) => rest.replaceAll(secret, hidden), line)
  const redact = (line: string) =>
    hideUserinfo(hideShapes(withoutSecrets(line).replace(keyValue, `$1${hidden}`))).replace(
      scheme,
      `$1 ${hidden}`,
    )
  /** A credential under escapes: the text is logged decoded, so that the rest of it can be read. */
  const redactEncoded = (text: string) => {
    const plain = decodeFully(text)
    if (plain === null) return hidden
    const safe = redact(plain)
    const joined = keepVisibleAscii(safe)
    const safest = joined === safe ? safe : redact(joined)
    if (safest !== joined) return JSON.stringify(safest).slice(1, -1)
    return safe === plain ? text : JSON.stringify(safe).slice(1, -1)
  }
  return (line) => replaceEncoded(redact(line), redactEncoded)
}

/**
 * Replaces each word that has an escape in it: a path, a member of a query, a word of a sentence. A credential under
 * escapes is within one. By hand, so that a line without escapes costs nothing, and the other words of a line neither.
 */
function replaceEncoded(line: string, replace: (word: string) => string): string {
  let safe = ''
  let copied = 0
  let at = line.indexOf('%')
  while (at !== -1) {
    let start = at
    while (start > copied && !endsWord.has(line.charAt(start - 1))) start -= 1
    let end = at
    while (end < line.length && !endsWord.has(line.charAt(end))) end += 1
    safe += line.slice(copied, start) + replace(line.slice(start, end))
    copied = end
    at = line.indexOf('%', end)
  }
  return safe + line.slice(copied)
}

const endsWord = new Set(['"', '\\', ' ', '\n', '\t', '?', '&'])
