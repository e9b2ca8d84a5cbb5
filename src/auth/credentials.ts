import type { IncomingMessage } from 'node:http'
import type { PresentedForm } from './types.js'

/** The first credential that a request presents decides; the later ones are not looked at. */
export type Credential =
  | { kind: 'none' }
  | { kind: 'malformed'; detail: string }
  /** Something that can only be an API key's value. */
  | { kind: 'key'; value: string; form: PresentedForm }
  /** A bearer token that is not a key's value. */
  | { kind: 'token'; token: string; form: PresentedForm }

const none: Credential = { kind: 'none' }
const malformed = (detail: string): Credential => ({ kind: 'malformed', detail })

/**
 * Finds the credential of a request. Nothing is verified yet.
 * @param message its raw headers are read, since Node joins or drops repeated ones
 * @param keyMark how every value of a key begins, as `lk_`
 * @param readsQuery whether `?api_key=` is a credential here
 * @see RFC 6750 §2, RFC 9110 §11.4
 */
export function readCredential(message: IncomingMessage, keyMark: string, readsQuery: boolean): Credential {
  const { rawHeaders } = message
  let apiKey: string | undefined
  let authorization: string | undefined
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] as string
    // Comparing lengths first spares lower-casing every header of every request.
    if (name.length === 9 && name.toLowerCase() === 'x-api-key') {
      if (apiKey !== undefined) return malformed('The header X-API-Key must not be repeated.')
      apiKey = rawHeaders[at + 1] as string
    } else if (name.length === 13 && name.toLowerCase() === 'authorization') {
      if (authorization !== undefined) return malformed('The header Authorization must not be repeated.')
      authorization = rawHeaders[at + 1] as string
    }
  }
  const inHeaders = readHeaders(apiKey, authorization, keyMark)
  if (!readsQuery || inHeaders.kind === 'malformed') return inHeaders
  const inQuery = readQuery(message.url ?? '')
  return inHeaders.kind === 'none' || inQuery.kind === 'malformed' ? inQuery : inHeaders
}

function readHeaders(
  apiKey: string | undefined,
  authorization: string | undefined,
  keyMark: string,
): Credential {
  const inAuthorization = authorization === undefined ? none : readAuthorization(authorization, keyMark)
  if (apiKey === undefined || inAuthorization.kind === 'malformed') return inAuthorization
  return { kind: 'key', value: apiKey.trim(), form: 'x-api-key' }
}

function readAuthorization(header: string, keyMark: string): Credential {
  const trimmed = header.trim()
  const space = trimmed.indexOf(' ')
  if (space <= 0) return malformed('The header Authorization must be a scheme, a space and a credential.')
  const scheme = trimmed.slice(0, space).toLowerCase()
  const rest = trimmed.slice(space + 1).trimStart()
  if (scheme === 'apikey') return { kind: 'key', value: rest, form: 'apikey' }
  if (scheme !== 'bearer') return none
  return rest.startsWith(keyMark)
    ? { kind: 'key', value: rest, form: 'bearer' }
    : { kind: 'token', token: rest, form: 'bearer' }
}

const queryMembers = ['api_key', 'api-key']

function readQuery(url: string): Credential {
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
  // Seven characters, at most three each when encoded: a URL of a thousand other members is not decoded twice.
  if (nameLength < 7 || nameLength > 21) return false
  const query = new URLSearchParams(member)
  return queryMembers.some((name) => query.has(name))
}
