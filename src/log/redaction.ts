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
  // As at the gateway, where it is taken out of the URL; here for who calls the wrong port.
  const url = whole.startsWith('/k/') ? whole.replace(/^(\/k\/)[^/?]+/, `$1${hidden}`) : whole
  const start = url.indexOf('?')
  if (start === -1) return url
  const members = url
    .slice(start + 1)
    .split('&')
    .map((member) => {
      const [name = ''] = member.split('=', 1)
      // Some readers skip a second question mark, and see the same name.
      const plain = decodeLeniently(name).toLowerCase().replace(/^\?+/, '')
      return secretMembers.has(plain) ? `${name}=${hidden}` : member
    })
  return `${url.slice(0, start)}?${members.join('&')}`
}

function decodeLeniently(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return text
  }
}

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
  const scheme = /\b(Bearer|Apikey|Basic) +[\w.~+/=-]{8,}/gi
  // First, while they are whole: what has a shape is only a part of some.
  const withoutSecrets = (line: string) =>
    secrets.reduce((rest, secret) => rest.replaceAll(secret, hidden), line)
  return (line) =>
    hideTokens(withoutSecrets(line).replace(keyValue, `${keyPrefix}_$1_${hidden}`)).replace(
      scheme,
      `$1 ${hidden}`,
    )
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
