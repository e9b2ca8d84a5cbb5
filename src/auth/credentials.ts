import type { IncomingMessage } from 'node:http'
import { type CredentialHeaders, createHeaderReader, defaultHeaderPrefix } from './credential-headers.js'
import type { Access, AuthOptions, PresentedForm } from './types.js'

/** The first credential that a request presents decides; the later ones are not looked at. */
export type Credential =
  | { kind: 'none' }
  | { kind: 'malformed'; detail: string }
  /** Something is presented that no verifier could make sense of: refused as a wrong one is. */
  | { kind: 'unreadable'; form: PresentedForm }
  /** Something that can only be an API key's value. */
  | { kind: 'key'; value: string; form: PresentedForm }
  /** The id of a key and its secret. */
  | { kind: 'pair'; id: string; secret: string; form: PresentedForm }
  /** A bearer token: an OAuth2 token, a key-signed JWT, or the value of a key that was imported. */
  | { kind: 'token'; token: string; form: PresentedForm }
  /** A link of a key, or what is written as one. */
  | { kind: 'link'; token: string; form: PresentedForm }
  /** What can only be a JWT that a key signed. */
  | { kind: 'key-token'; token: string; form: PresentedForm }

/** Which of the forms that not every route takes this one does. */
export type AcceptedForms = Pick<Access, 'allowBasic' | 'allowCookie' | 'allowQueryKey'>

const none = { kind: 'none' } as const satisfies Credential
const malformed = (detail: string) => ({ kind: 'malformed', detail }) as const satisfies Credential

/**
 * Makes a reader of the credential of a request. Nothing is verified yet. What is malformed is so whatever comes
 * along with it: nobody can tell which of two the sender meant.
 * @returns a function of the request, of the forms that are taken, and of what was taken out of its path
 * @see RFC 6750 §2, RFC 7617 §2, RFC 9110 §11.4
 */
export function createCredentialReader({
  keyPrefix,
  headerPrefix = defaultHeaderPrefix,
  allowQueryKey = false,
}: Pick<AuthOptions, 'keyPrefix' | 'headerPrefix' | 'allowQueryKey'>) {
  const keyMark = `${keyPrefix}_`
  const readHeaders = createHeaderReader(headerPrefix)

  return (
    { rawHeaders, url = '' }: IncomingMessage,
    accepted: AcceptedForms,
    inPath: string | null = null,
  ): Credential => {
    const headers = readHeaders(rawHeaders)
    if (headers.repeated !== undefined)
      return malformed(`The header ${headers.repeated} must not be repeated.`)
    const { authorization } = headers
    const inAuthorization =
      authorization === undefined ? none : readAuthorization(authorization, keyMark, accepted)
    if (inAuthorization.kind === 'malformed') return inAuthorization
    const inCookie =
      headers.cookie === undefined || accepted.allowCookie !== true ? none : readCookie(headers.cookie)
    if (inCookie.kind === 'malformed') return inCookie
    const inUrl = readUrl(url, inPath, allowQueryKey || accepted.allowQueryKey === true)
    if (inUrl.kind === 'malformed') return inUrl

    const inOwn = readOwnHeaders(headers)
    if (inOwn.kind !== 'none') return inOwn
    if (inAuthorization.kind !== 'none') return inAuthorization
    return inCookie.kind === 'none' ? inUrl : inCookie
  }
}

/** The headers that nothing else uses, in their order. */
function readOwnHeaders(headers: CredentialHeaders): Credential {
  const { clientId, clientSecret, prefixedAuthorization, prefixedToken, apiKey } = headers
  if (clientId !== undefined && clientSecret !== undefined) {
    return { kind: 'pair', id: clientId.trim(), secret: clientSecret.trim(), form: 'client-id' }
  }
  if (clientId !== undefined || clientSecret !== undefined) return { kind: 'unreadable', form: 'client-id' }
  if (prefixedAuthorization !== undefined) return readPrefixedAuthorization(prefixedAuthorization)
  if (prefixedToken !== undefined) {
    const { scheme, rest } = splitScheme(prefixedToken)
    return scheme === null || scheme === 'bearer'
      ? { kind: 'key-token', token: rest, form: 'prefixed-token' }
      : { kind: 'unreadable', form: 'prefixed-token' }
  }
  return apiKey === undefined ? none : { kind: 'key', value: apiKey.trim(), form: 'x-api-key' }
}

function readPrefixedAuthorization(header: string): Credential {
  const { scheme, rest } = splitScheme(header)
  if (scheme === null || scheme === 'basic') return readBasic(rest, 'prefixed-authorization')
  return scheme === 'bearer'
    ? { kind: 'key-token', token: rest, form: 'prefixed-authorization' }
    : { kind: 'unreadable', form: 'prefixed-authorization' }
}

function readAuthorization(
  header: string,
  keyMark: string,
  { allowBasic = true }: AcceptedForms,
): Credential {
  const { scheme, rest } = splitScheme(header)
  switch (scheme) {
    case null:
      return malformed('The header Authorization must be a scheme, a space and a credential.')
    case 'apikey':
      return { kind: 'key', value: rest, form: 'apikey' }
    case 'basic':
      return allowBasic ? readBasic(rest, 'basic') : none
    case 'bearer':
      return rest.startsWith(keyMark)
        ? { kind: 'key', value: rest, form: 'bearer' }
        : { kind: 'token', token: rest, form: 'bearer' }
    default:
      return none
  }
}

/** The scheme in small letters, null where there is none but one word. */
function splitScheme(header: string): { scheme: string | null; rest: string } {
  const trimmed = header.trim()
  const space = trimmed.indexOf(' ')
  if (space === -1) return { scheme: null, rest: trimmed }
  return { scheme: trimmed.slice(0, space).toLowerCase(), rest: trimmed.slice(space + 1).trimStart() }
}

const base64 = /^[A-Za-z0-9+/_-]+={0,2}$/

function readBasic(encoded: string, form: PresentedForm): Credential {
  // Node would skip what is no base64, and see a credential in what is none.
  const pair = base64.test(encoded) ? Buffer.from(encoded, 'base64').toString() : ''
  const colon = pair.indexOf(':')
  if (colon === -1) return { kind: 'unreadable', form }
  return { kind: 'pair', id: pair.slice(0, colon), secret: pair.slice(colon + 1), form }
}

export const tokenCookie = 'access_token'

/** The name of one cookie in a header; all of it where it has no value. */
export function nameOfCookie(cookie: string): string {
  const equals = cookie.indexOf('=')
  return (equals === -1 ? cookie : cookie.slice(0, equals)).trim()
}

function readCookie(header: string): Credential {
  // Most cookies are none of ours.
  if (!header.includes(tokenCookie)) return none
  const [token, another] = header
    .split(';')
    .filter((cookie) => nameOfCookie(cookie) === tokenCookie)
    .map((cookie) => cookie.slice(cookie.indexOf('=') + 1).trim())
  if (another !== undefined) return malformed(`The cookie ${tokenCookie} must not be repeated.`)
  return token === undefined ? none : { kind: 'key-token', token, form: 'cookie' }
}

function readUrl(url: string, inPath: string | null, allowQueryKey: boolean): Credential {
  const inQuery = allowQueryKey ? readQueryKey(url) : none
  // What every call without one pays for links.
  if (inPath === null || inPath === '' || inQuery.kind === 'malformed') return inQuery
  const isLink = looksLikeJwt(inPath)
  if (!isLink && !allowQueryKey) return inQuery
  if (inQuery.kind !== 'none')
    return malformed('A key must not be presented both in the path and in the query.')
  return isLink ? { kind: 'link', token: inPath, form: 'link' } : { kind: 'key', value: inPath, form: 'path' }
}

/** How the base64url of a JSON object begins, and the dot after the header. */
export const looksLikeJwt = (token: string) => token.startsWith('ey') && token.includes('.')

const queryMembers = ['api_key', 'api-key']

/** The value of a key in the query of a URL. */
export function readQueryKey(url: string): Credential & { kind: 'none' | 'malformed' | 'key' } {
  const start = url.indexOf('?')
  if (start === -1) return none
  const query = new URLSearchParams(url.slice(start + 1))
  const values = queryMembers.flatMap((name) => query.getAll(name))
  if (values.length > 1) return malformed('The query member api_key must not be repeated.')
  const [value] = values
  return value === undefined ? none : { kind: 'key', value, form: 'query' }
}

/** The URL without the members that present a key, however they are encoded; the same string where there are none. */
export function removeQueryKey(url: string): string {
  const start = url.indexOf('?')
  if (start === -1) return url
  const members = url.slice(start + 1).split('&')
  const others = members.filter((member) => !presentsKey(member))
  if (others.length === members.length) return url
  return url.slice(0, start) + (others.length === 0 ? '' : `?${others.join('&')}`)
}

function presentsKey(member: string): boolean {
  const equals = member.indexOf('=')
  const nameLength = equals === -1 ? member.length : equals
  // Seven characters, at most three each when encoded, and a question mark that does not count at the beginning: a URL
  // of a thousand other members is not decoded twice.
  if (nameLength < 7 || nameLength > 22) return false
  const query = new URLSearchParams(member)
  return queryMembers.some((name) => query.has(name))
}
