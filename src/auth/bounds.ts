import type { IncomingHttpHeaders } from 'node:http'
import type { KeyBounds } from './types.js'

const defaultPorts: Record<string, string> = { 'https:': '443', 'http:': '80' }

/** Whether a request comes from a page of one of the hosts; a request that does not say comes from none. */
export function comesFromAllowedHost(headers: IncomingHttpHeaders, allowed: readonly string[]): boolean {
  const source = headers.origin ?? headers.referer
  if (source === undefined || !URL.canParse(source)) return false
  const url = new URL(source)
  return url.hostname !== '' && allowed.some((pattern) => matchesHost(pattern.toLowerCase(), url))
}

function matchesHost(pattern: string, { hostname, port, protocol }: URL): boolean {
  // A pattern without a port means any port; a URL without one means that of its scheme.
  const candidate = pattern.includes(':') ? `${hostname}:${port || defaultPorts[protocol]}` : hostname
  return pattern.startsWith('*.') ? candidate.endsWith(pattern.slice(1)) : candidate === pattern
}

/** When the value that was presented stops to work, in milliseconds since the epoch; Infinity: never. */
export const endOfValue = ({ expiresAt, validUntil = Number.POSITIVE_INFINITY }: KeyBounds): number =>
  Math.min(expiresAt, validUntil)
