import { decodeFully, decodeReferences, keepVisibleAscii } from '../encoded-text.js'
import { hidden, hideShapes, hideUserinfo } from './shapes.js'

// Query members that hold a credential, lead to one, or that people take for the one that does.
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

// Members of lists and pages, whose values help who reads the log.
const plainMembers = new Set([
  ...['limit', 'cursor', 'status', 'by', 'format', 'page', 'offset', 'sort', 'order'],
  ...['kind', 'group', 'service', 'since'],
])

/** Other names that are logged. They are longer than what is logged of any name. */
const knownNames = new Set([
  ...secretMembers,
  ...plainMembers,
  // Of this service and of OAuth2.
  ...['expires_before', 'unused_since', 'return_to', 'client_id', 'redirect_uri', 'response_type'],
  ...['response_mode', 'code_challenge', 'code_challenge_method', 'grant_type', 'login_hint'],
  ...['post_logout_redirect_uri', 'error_description', 'error_uri', 'logout_token'],
  // Of the interfaces of catalogues, maps and OData behind the gateway.
  ...['datetime', 'collections', 'intersects', 'bbox-crs', 'filter-lang', 'filter-crs', 'properties'],
  ...['request', 'version', 'typename', 'typenames', 'startindex', 'maxfeatures', '$orderby', '$expand'],
])

/** Imported secrets have 32 characters at least, unless the operator allows weak ones. */
const maxPlainLength = 31
/** More helps no reader, and takes milliseconds where each character is an escape. */
const maxUrlLength = 2048
/** No text of so few characters keeps a secret, weak ones included. */
const maxUnknownLength = 7

/**
 * Writes a URL for the log, without the credentials that it may carry. The secret of an imported key has no shape, so
 * unknown members of a query are logged only up to seven characters, their names and their values.
 */
export function redactUrl(whole: string): string {
  // First, because the `&`, the `#` and the semicolon of a reference would separate members.
  const read = decodeReferences(whole)
  if (read === null) return hidden
  const url = read.length > maxUrlLength ? cut(read) : read
  const start = url.search(/[?#]/)
  if (start === -1) return redactPath(url)
  return redactPath(url.slice(0, start)) + url[start] + redactQuery(url.slice(start + 1))
}

/** Cuts between segments or members, because a part of a secret is not recognised. */
function cut(url: string): string {
  const kept = url.slice(0, maxUrlLength)
  const end = Math.max(kept.lastIndexOf('/'), kept.lastIndexOf('?'), kept.lastIndexOf('&'))
  return `${kept.slice(0, end + 1)}[cut]`
}

const redactQuery = (query: string): string => query.replace(/[^&#]+/g, redactMember)

/** Judges a member as a whole, because some readers separate members with semicolons and a secret may hold some. */
function redactMember(member: string): string {
  const [first = '', ...others] = member.split(';')
  if (others.length === 0) return redactPiece(member)
  const isPlain = [member, first, ...others].every((piece) => redactPiece(piece) === piece)
  if (isPlain) return member
  const at = first.indexOf('=')
  if (at === -1) return hidden
  const name = first.slice(0, at)
  return `${redactName(name, readName(name))}=${hidden}`
}

function redactPiece(piece: string): string {
  const at = piece.indexOf('=')
  const name = at === -1 ? piece : piece.slice(0, at)
  const value = at === -1 ? '' : piece.slice(at + 1)
  const plain = readName(name)
  const shown = redactName(name, plain)
  if (plain === undefined || secretMembers.has(plain)) return `${shown}=${hidden}`
  if (at === -1) return shown
  const most = plainMembers.has(plain) ? maxPlainLength : maxUnknownLength
  return `${shown}=${value.length > most ? hidden : value}`
}

/**
 * A bare member may be a secret, and so may a name, where a secret ends with `=`.
 * @param plain as `readName` reads it
 */
function redactName(name: string, plain: string | undefined): string {
  const most = knownNames.has(plain ?? '') ? maxPlainLength : maxUnknownLength
  return name.length > most ? hidden : name
}

/** Some readers skip a second question mark, and see the same name. @returns undefined under too many escapes */
const readName = (name: string): string | undefined =>
  decodeFully(name.replaceAll('+', ' '))?.trim().toLowerCase().replace(/^\?+/, '')

const mayBeEncoded = /[%\\]|&#/
const isVisibleAscii = /^[!-*,-~]*$/
/** What other readers could read in another way, and a segment that the gateway's keys and links follow. */
const notPlain = /[%\\@;&+]|[^!-~]|\/[kK]\//

/**
 * Hides what follows a segment `k`, where the gateway takes keys and links. Here it is for calls of the wrong port and in
 * forms that the gateway does not take, so that the segment is looked for at any place and in any reading. A segment
 * that holds a credential, a query or other segments under escapes is logged decoded.
 */
function redactPath(path: string): string {
  if (!notPlain.test(path)) return path
  const isAfterMark = createMarkReader()
  const redactSegment = (segment: string): string => {
    const plain = mayBeEncoded.test(segment) ? decodeFully(segment) : segment
    if (plain === null) return hidden
    const safe = redactReading(hideUserinfo(plain), isAfterMark)
    const joined = isVisibleAscii.test(safe) ? safe : keepVisibleAscii(safe)
    // The redactor of finished lines looks at a segment as it was sent.
    const safest = joined === segment ? joined : hideShapes(joined)
    if (safest !== joined) return safest
    return safe === plain ? segment : safe
  }
  return hideUserinfo(path).split('/').map(redactSegment).join('/')
}

/** @param plain a segment of a path without its escapes: it may hold other segments and a query, or all of a URL */
function redactReading(plain: string, isAfterMark: (name: string) => boolean): string {
  const end = plain.search(/[?#&;]/)
  const path = end === -1 ? plain : plain.slice(0, end)
  const shown = path.replace(/[^/\\]*/g, (name) => (isAfterMark(name) ? hidden : name))
  return end === -1 ? shown : shown + plain.charAt(end) + redactQuery(plain.slice(end + 1))
}

/** Returns a function that says of each segment in turn whether a key or a link may stand there. */
function createMarkReader(): (segment: string) => boolean {
  let isDue = false
  let hasMark = false
  return (segment) => {
    const visible = isVisibleAscii.test(segment) ? segment : keepVisibleAscii(segment.normalize('NFKC'))
    const name = visible.toLowerCase()
    if (name === '' || name === '.') return false
    // A parent removes the segment that was hidden: `/k/x/../value`.
    if (name === '..') isDue = hasMark
    else if (isDue) {
      isDue = false
      return true
    } else if (name === 'k') {
      isDue = true
      hasMark = true
    }
    return false
  }
}
