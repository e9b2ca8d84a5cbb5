/** What stands in a line in place of a credential. */
export const hidden = '[hidden]'

// Query members that hold a credential, lead to one, or that people take for the one that does; everything else of a URL
// helps who reads the log.
const secretMembers = new Set([
  'api_key',
  'api-key',
  'apikey',
  'x-api-key',
  'access_token',
  'refresh_token',
  'id_token',
  'client_secret',
  'password',
  'token',
  'code',
  'user_code',
  'state',
  'id_token_hint',
  'session_state',
])

/** A URL for the log, without the credentials that it may carry. */
export function redactUrl(whole: string): string {
  const url = hideFirstSegment(whole)
  const start = url.indexOf('?')
  if (start === -1) return url
  // Some readers separate members with semicolons.
  return url.slice(0, start + 1) + url.slice(start + 1).replace(/[^&;]+/g, hideSecretMember)
}

/** As at the gateway, where it is taken out of the URL. Here it is for calls of the wrong port. */
function hideFirstSegment(url: string): string {
  const end = url.indexOf('/', 1)
  if (end === -1 || url[0] !== '/' || end > maxMarkLength || decodeFully(url.slice(1, end)) !== 'k')
    return url
  return url.slice(0, end + 1) + url.slice(end + 1).replace(/^[^/?]+/, hidden)
}

/** `k`, percent-encoded several times over. */
const maxMarkLength = 32

function hideSecretMember(member: string): string {
  const [name = ''] = member.split('=', 1)
  // Some readers skip a second question mark, and see the same name.
  const plain = decodeFully(name.replaceAll('+', ' '))?.trim().toLowerCase().replace(/^\?+/, '')
  return plain === undefined || secretMembers.has(plain) ? `${name}=${hidden}` : member
}

/** Escapes in a row, each encoded once or many times over (`%5f`, `%255f`, `%25255f`), or as IIS takes it (`%u005f`). */
const escapes = /(?:%(?:25)*(?:u00)?[0-9a-f]{2})+/gi
const beforeHexDigits = /%(?:25)*(?:u00)?(?=[0-9a-f]{2})/gi
const maxDecodings = 8

/**
 * Decodes a text until nothing is left to decode, as servers behind each other do. Each pass takes linear time.
 * @returns null for a text that is not plain after 8 passes
 */
function decodeFully(text: string): string | null {
  let plain = text
  for (let pass = 0; pass < maxDecodings; pass += 1) {
    const decoded = plain.includes('%') ? plain.replace(escapes, decodeRow) : plain
    if (decoded === plain) return plain
    plain = decoded
  }
  return null
}

/** Its bytes as UTF-8; a byte that is none becomes the sign for an unreadable character. */
const decodeRow = (row: string): string => Buffer.from(row.replace(beforeHexDigits, ''), 'hex').toString()

/**
 * Takes out of a finished line whatever has the shape of a credential: the last guard, for the error that
 * quotes a header and the path that someone pasted a key into. Not only whole words: a `%20` may stand before one.
 * @param secrets that are taken out too, whatever their shape
 */
export function createLineRedactor(
  keyPrefix: string,
  secrets: readonly string[] = [],
): (line: string) => string {
  const keyValue = new RegExp(`${keyPrefix}_([0-9A-Za-z]{8})_[0-9A-Za-z]{20,}`, 'g')
  const scheme = /\b(Bearer|Apikey|Basic)[ +]+[\w.~+/=%-]{8,}/gi
  // First, while they are whole: what has a shape is only a part of some.
  const withoutSecrets = (line: string) =>
    secrets.reduce((rest, secret) => rest.replaceAll(secret, hidden), line)
  const redact = (line: string) =>
    hideTokens(withoutSecrets(line).replace(keyValue, `${keyPrefix}_$1_${hidden}`)).replace(
      scheme,
      `$1 ${hidden}`,
    )
  /** A credential under escapes: the text is logged decoded, so that the rest of it can be read. */
  const redactEncoded = (text: string) => {
    const plain = decodeFully(text)
    if (plain === null) return hidden
    const safe = redact(plain)
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

/**
 * Returns a formatter that hides credentials in `headers`: in those of what is logged, and of its members. It copies
 * only what it changes.
 * @param names in lower case
 */
export function createHeaderHider(
  names: readonly string[],
): (logged: Record<string, unknown>) => Record<string, unknown> {
  const hiddenNames = new Set(names)
  const hide = (headers: object) =>
    Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [
        name,
        hiddenNames.has(name.toLowerCase()) ? hidden : value,
      ]),
    )

  return (logged) => {
    let safe = logged
    if (hasHeaders(logged)) safe = { ...logged, headers: hide(logged.headers) }
    for (const name in logged) {
      // Their serialisers leave headers out.
      if (name === 'req' || name === 'res') continue
      const value = logged[name]
      if (!hasHeaders(value)) continue
      if (safe === logged) safe = { ...logged }
      safe[name] = Object.create(value, {
        ...Object.getOwnPropertyDescriptors(value),
        headers: { value: hide(value.headers), enumerable: true },
      })
    }
    return safe
  }
}

const hasHeaders = (value: unknown): value is { headers: object } =>
  typeof value === 'object' &&
  value !== null &&
  typeof Reflect.get(value, 'headers') === 'object' &&
  Reflect.get(value, 'headers') !== null
