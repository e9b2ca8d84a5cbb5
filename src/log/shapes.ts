import { findSecretRuns } from '../secret-runs.js'
import { findLikelySecrets } from './likely-secrets.js'

/** What stands in a line in place of a credential. */
export const hidden = '[hidden]'

/**
 * Hides all that has the shape of a credential whatever the prefix of keys is: JWTs, secrets, base64 of secrets, and what
 * is probably most of a secret.
 */
export const hideShapes = (text: string): string =>
  hideRuns(hideRuns(hideTokens(text), findSecretRuns), findLikelySecrets)

/** Hides the user and the password of URLs. */
export const hideUserinfo = (text: string): string =>
  text.includes('@') ? text.replace(userinfo, `//${hidden}@`) : text

const userinfo = /\/\/[^/?#\s"\\]*@/g

function hideRuns(text: string, find: (text: string) => { start: number; end: number }[]): string {
  const runs = find(text)
  if (runs.length === 0) return text
  let safe = ''
  let copied = 0
  for (const { start, end } of runs) {
    safe += text.slice(copied, start) + hidden
    copied = end
  }
  return safe + text.slice(copied)
}

const shortestTokenHead = 'eyJ'.length + 8

/**
 * Hides JWTs: `eyJ…` and two more parts, with dots between. By hand, because a regular expression for it takes quadratic
 * time on `eyJeyJeyJ…`; here each character is read three times at most.
 */
function hideTokens(line: string): string {
  let safe = ''
  let copied = 0
  let at = line.indexOf('eyJ')
  while (at !== -1) {
    const headEnd = endOfPart(line, at)
    const bodyEnd = line[headEnd] === '.' ? endOfPart(line, headEnd + 1) : headEnd
    const isToken = headEnd - at >= shortestTokenHead && bodyEnd > headEnd + 1 && line[bodyEnd] === '.'
    if (isToken) {
      safe += line.slice(copied, at) + hidden
      copied = endOfPart(line, bodyEnd + 1)
    }
    // No other `eyJ` within this part can begin a token: it has the same end, and is shorter.
    at = line.indexOf('eyJ', isToken ? copied : headEnd)
  }
  return safe + line.slice(copied)
}

/** Where the run of base64url characters ends that begins here. */
function endOfPart(line: string, start: number): number {
  let end = start
  while (isBase64Url(line.charCodeAt(end))) end += 1
  return end
}

const isBase64Url = (code: number): boolean =>
  (code >= 48 && code <= 57) || // 0-9
  (code >= 65 && code <= 90) || // A-Z
  (code >= 97 && code <= 122) || // a-z
  code === 45 || // -
  code === 95 // _
