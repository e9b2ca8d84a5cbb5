import { splitAbsoluteForm } from '../urls.js'

/**
 * Normalises a path into the one form that is matched and forwarded: unreserved characters are decoded, other escapes
 * kept in capitals, bytes beyond ASCII escaped, dot segments resolved; `//`, `%2F` and `;` are kept. Servers that read
 * this form in another way are dealt with in `readings.ts`.
 * @param path as it was sent, beginning with a slash, without the query
 * @returns null for a broken escape, a control character, an encoded NUL, a space, a backslash or a fragment
 * @see RFC 3986 §6.2.2
 */
export function normalizePath(path: string): string | null {
  let isPlain = true
  for (let at = 0; at < path.length; at += 1) {
    const code = path.charCodeAt(at)
    if (code <= space || code === backslash || code === hash || code === del) return null
    // A dot segment begins behind a slash; `%` and what is not ASCII are to be rewritten.
    if (code === percent || code > del || (code === dot && path.charCodeAt(at - 1) === slash)) isPlain = false
  }
  if (isPlain) return path
  const decoded = normalizeEscapes(path)
  return decoded === null ? null : resolveDotSegments(decoded)
}

const space = 0x20
const hash = 0x23
const percent = 0x25
const dot = 0x2e
const slash = 0x2f
const backslash = 0x5c
const del = 0x7f

const percentEncoded = /%([0-9A-Fa-f]{2})?/g
const unreserved = /[A-Za-z0-9._~-]/

function normalizeEscapes(path: string): string | null {
  let isBroken = false
  const normal = path.replace(percentEncoded, (whole, digits?: string) => {
    // Programs in C end a path at a NUL.
    if (digits === undefined || digits === '00') isBroken = true
    const character = String.fromCharCode(Number.parseInt(digits ?? '', 16))
    return unreserved.test(character) ? character : whole.toUpperCase()
  })
  // Node gives each byte of the target as one character.
  return isBroken
    ? null
    : normal.replace(/[\x80-\xff]/g, (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase()}`)
}

/**
 * Resolves dot segments (RFC 3986 §5.2.4).
 * @param depth segments that none may lead out of. Default: a path that leads above its root stays there
 * @returns null for a path that leads out of them
 */
export function resolveDotSegments(path: string, depth = -1): string | null {
  if (!path.includes('/.')) return path
  const segments = path.split('/').slice(1)
  const kept: string[] = []
  for (const segment of segments) {
    if (segment === '..') {
      if (kept.length <= depth) return null
      kept.pop()
    } else if (segment !== '.') kept.push(segment)
  }
  const last = segments.at(-1)
  // A directory: what was below it is gone, its slash is not.
  if (last === '.' || last === '..') kept.push('')
  return `/${kept.join('/')}`
}

export interface Target {
  /** Normalised; of `/k/<credential>/…` what follows, since nobody else may see the credential. */
  readonly path: string
  /** Decoded; null: the path presents none. */
  readonly credential: string | null
  /** As it was sent, with its question mark; empty where there is none. */
  readonly query: string
  /** Of an absolute-form target: it stands over the header `Host` (RFC 9112 §3.2.2). */
  readonly authority: string | null
}

/**
 * Reads what a request line asks for; the authority of an absolute-form target is not what is routed by.
 * @returns null for `*`, for the target of CONNECT and for what cannot be normalised
 */
export function readTarget(url: string): Target | null {
  if (url.charCodeAt(0) === slash) return splitTarget(url, null)
  const absolute = splitAbsoluteForm(url)
  return absolute === null ? null : splitTarget(absolute.rest, absolute.authority)
}

function splitTarget(url: string, authority: string | null): Target | null {
  const start = url.indexOf('?')
  const query = start === -1 ? '' : url.slice(start)
  if (query.includes('#')) return null
  const path = normalizePath(start === -1 ? url : url.slice(0, start))
  if (path === null) return null
  return presentsCredential(path)
    ? { ...splitCredential(path), query, authority }
    : { path, credential: null, query, authority }
}

/** What no service may have: paths below it present a credential. */
const credentialPrefix = '/k/'

export const presentsCredential = (path: string) => path.startsWith(credentialPrefix)

function splitCredential(path: string): Pick<Target, 'path' | 'credential'> {
  const end = path.indexOf('/', credentialPrefix.length)
  const segment = path.slice(credentialPrefix.length, end === -1 ? undefined : end)
  return { path: end === -1 ? '/' : path.slice(end), credential: decodeSegment(segment) }
}

function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    // No UTF-8, so no credential of ours either.
    return segment
  }
}
