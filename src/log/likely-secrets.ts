import { lengthOfEscape, listLongRuns } from '../secret-runs.js'

/** A secret of ours has 49. A copy may lack some of them, or other letters may stand beside it. */
const minLength = 40
const minHexLength = 64
/** Of what hex spells. The bytes of a hash are never letters and digits for so long. */
const minLengthInHex = 24

/**
 * Lists the runs of letters and digits that are probably a secret, or most of one: long runs that mix small letters,
 * capitals and digits, and long runs of hex that spell such a run. Base64 of a secret is such a run too. The log may hide
 * too much, so this finds more than `findSecretRuns`. Hashes in hex, UUIDs and numbers are not found.
 */
export function findLikelySecrets(text: string): { start: number; end: number }[] {
  return listLongRuns(text, minLength)
    .map(({ start, end }) => ({ start: start + lengthOfEscape(text, start), end }))
    .filter(({ start, end }) => {
      const run = text.slice(start, end)
      return run.length >= minLength && (isMixed(run) || spellsSecret(run))
    })
}

const isMixed = (run: string): boolean => /[a-z]/.test(run) && /[A-Z]/.test(run) && /[0-9]/.test(run)

/** Other digits of hex may stand before it, so that its bytes may begin at either of two places. */
const spellsSecret = (run: string): boolean =>
  listLongRuns(run, minHexLength, isHexDigit).some(({ start, end }) =>
    [start, start + 1].some((first) => {
      const bytes = Buffer.from(run.slice(first, end), 'hex').toString('latin1')
      return listLongRuns(bytes, minLengthInHex).some((inner) => isMixed(bytes.slice(inner.start, inner.end)))
    }),
  )

const isHexDigit = (code: number): boolean =>
  (code >= 48 && code <= 57) || (code >= 65 && code <= 70) || (code >= 97 && code <= 102)
