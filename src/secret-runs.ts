import { partLengths } from './auth/key-shape.js'

const secretLength = partLengths.secret + partLengths.checksum
/** Of a secret alone in base64: with its id or its prefix there are more. */
const encodedLength = Math.ceil((secretLength * 4) / 3)

export interface Run {
  start: number
  end: number
  /** Whether it is base64 of a text with a secret. */
  isEncoded: boolean
}

/**
 * Lists the runs of letters and digits that are the secret of a key of ours, or base64 of a text with one (`id:secret` is
 * what Basic encodes). A secret has exactly 49 characters: ids, UUIDs and hashes have other lengths. Neither the id, which
 * an administrator may have chosen, nor the prefix is looked at, so that keys from before a change of `KEY_PREFIX` are
 * found. Base64 of a pair is letters and digits too, because none of its bytes makes a `+`, `/`, `-` or `_`.
 */
export function findSecretRuns(text: string): Run[] {
  const found: Run[] = []
  for (const { start, end } of listLongRuns(text, secretLength)) {
    const first = start + lengthOfEscape(text, start)
    if (end - start === secretLength || end - first === secretLength)
      found.push({ start: end - secretLength, end, isEncoded: false })
    else if (end - start >= encodedLength && isEncodedSecret(text.slice(start, end)))
      found.push({ start: first, end, isEncoded: true })
  }
  return found
}

/** Lists the runs of letters and digits, or of other characters, that have at least this length, in linear time. */
export function listLongRuns(
  text: string,
  minLength: number,
  isMember: (code: number) => boolean = isAlphanumeric,
): { start: number; end: number }[] {
  const runs = []
  // Such a run reaches over at least one of these places, so that most of a text is not even read.
  for (let at = minLength - 1; at < text.length; at += minLength) {
    if (!isMember(text.charCodeAt(at))) continue
    let start = at
    while (start > 0 && isMember(text.charCodeAt(start - 1))) start -= 1
    let end = at + 1
    while (end < text.length && isMember(text.charCodeAt(end))) end += 1
    if (end - start >= minLength) runs.push({ start, end })
    at = end - 1
  }
  return runs
}

/** How many of the letters and digits belong to an escape of JSON, as `n` of `\n` and `u000a` of `\u000a`. */
export function lengthOfEscape(text: string, start: number): number {
  const first = text.slice(start, start + 5)
  // Also without its backslash, which readers of URLs turn into a slash.
  if (/^u00[0-9a-f]{2}/i.test(first)) return 5
  if (text[start - 1] !== '\\') return 0
  return /^u[0-9a-f]{4}/i.test(first) ? 5 : 1
}

/** Other letters may stand before the base64, so that it may begin at any of four places. */
const isEncodedSecret = (run: string): boolean =>
  [0, 1, 2, 3].some((skipped) => {
    const bytes = Buffer.from(run.slice(skipped), 'base64').toString('latin1')
    return listLongRuns(bytes, secretLength).some(({ start, end }) => end - start === secretLength)
  })

const isAlphanumeric = (code: number): boolean =>
  (code >= 48 && code <= 57) || (code >= 65 && code <= 90) || (code >= 97 && code <= 122)
