import { InvalidOptionError } from './errors.js'

export interface PlaceOptions {
  /** Whether a credential may travel by plain http to another machine, where anybody on the way reads it. Default false. */
  allowInsecure?: boolean
}

/**
 * The URL of the service, without a trailing slash.
 * @throws InvalidOptionError for what is no http(s) URL, or one with a user, a query or a fragment; for plain http beyond loopback
 */
export function requireServiceUrl(text: string, options: PlaceOptions): string {
  const url = requireSafeUrl(text, options)
  if (url.search !== '' || url.hash !== '')
    throw new InvalidOptionError('The url of Latchkey has no query and no fragment')
  return trimSlashes(url.href)
}

// As in ../urls.ts. The client imports nothing outside its folder, because browsers load its modules as they are built.
function trimSlashes(text: string): string {
  let end = text.length
  while (end > 0 && text[end - 1] === '/') end -= 1
  return text.slice(0, end)
}

/** The origins that may see the credential. @throws InvalidOptionError as above */
export function requireOrigins(texts: readonly string[], options: PlaceOptions): ReadonlySet<string> {
  return new Set(texts.map((text) => requireSafeUrl(text, options).origin))
}

// None of these repeats the URL: it may hold a credential, which then would end up in a log.
function requireSafeUrl(text: string, { allowInsecure = false }: PlaceOptions): URL {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || !/^https?:$/.test(url.protocol))
    throw new InvalidOptionError('The url of Latchkey is no http(s) URL')
  if (url.username !== '' || url.password !== '')
    throw new InvalidOptionError('The url of Latchkey names no user')
  if (url.protocol === 'http:' && !allowInsecure && !isLoopback(url.hostname)) {
    throw new InvalidOptionError(
      'Keys and tokens travel by https: use an https url, or say allowInsecure where nobody listens on the way',
    )
  }
  return url
}

/** Names of this machine, as `URL` writes them. @see RFC 6761 §6.3 */
function isLoopback(hostname: string): boolean {
  return /^(127\.\d+\.\d+\.\d+|\[::1\]|(.+\.)?localhost)$/.test(hostname)
}
