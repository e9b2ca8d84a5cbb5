import type { IncomingMessage } from 'node:http'
import { isIPv6 } from 'node:net'

/** Removes slashes from the end of a URL or path. No regular expression: `/\/+$/` takes quadratic time. */
export function trimSlashes(text: string): string {
  let end = text.length
  while (end > 0 && text[end - 1] === '/') end -= 1
  return text.slice(0, end)
}

const hostAndPort =
  /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*\.?))(?::(\d{0,5}))?$/

/**
 * Whether a text is a host with an optional port, as the header `Host` has it: a name, an IPv4 address, or an IPv6
 * address in brackets. Stricter than a URI, whose names may hold commas, quotes and percent signs.
 * @see RFC 9112 §3.2, RFC 9110 §7.2
 */
export function isHost(text: string): boolean {
  const [whole, address, name = '', port = ''] = hostAndPort.exec(text) ?? []
  if (whole === undefined || Number(port) > 65_535) return false
  return address === undefined ? name.length <= 255 : isIPv6(address)
}

/** What a request is told whose host is none. */
export const oneHostRule = 'The header Host must be one host name or address, with a port or without.'

/**
 * Whether a request names one well-formed host, or none as HTTP/1.0 allows. Node takes the first of two, and a proxy
 * in front may have taken the other.
 * @param authority of a target in absolute form; null: the target has another form
 */
export function namesOneHost(
  { rawHeaders, headers: { host } }: IncomingMessage,
  authority: string | null,
): boolean {
  let count = 0
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] as string
    if (name.length === 4 && name.toLowerCase() === 'host') count += 1
  }
  return count < 2 && (host === undefined || isHost(host)) && (authority === null || isHost(authority))
}

const absoluteForm = /^https?:\/\/([^/?#\\]+)([/?].*)?$/i

/**
 * Splits a request target in absolute form, whose authority stands over the header `Host` (RFC 9112 §3.2.2).
 * @returns null for a target in another form
 */
export function splitAbsoluteForm(target: string): { authority: string; rest: string } | null {
  const [, authority, rest = '/'] = absoluteForm.exec(target) ?? []
  return authority === undefined ? null : { authority, rest: rest.startsWith('/') ? rest : `/${rest}` }
}
