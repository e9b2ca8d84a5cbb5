import type { IncomingHttpHeaders } from 'node:http'

/** Whether a request comes from a page of one of the hosts; a request that does not say comes from none. */
export function comesFromAllowedHost(headers: IncomingHttpHeaders, allowed: readonly string[]): boolean {
  const source = headers.origin ?? headers.referer
  if (source === undefined || !URL.canParse(source)) return false
  const { hostname, host } = new URL(source)
  return hostname !== '' && allowed.some((pattern) => matchesHost(pattern.toLowerCase(), hostname, host))
}

function matchesHost(pattern: string, hostname: string, host: string): boolean {
  // A pattern without a port means any port.
  const candidate = pattern.includes(':') ? host : hostname
  return pattern.startsWith('*.') ? candidate.endsWith(pattern.slice(1)) : candidate === pattern
}
