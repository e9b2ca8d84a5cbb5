import { isLoopback } from '../addresses.js'

/**
 * Makes the check whether a request was meant for this service. A page on the internet can let its own name point to
 * this machine; its scripts then read what answers here as their own. The name stays in `Host` (DNS rebinding).
 * @param publicUrls whose hosts are taken beside the names of this machine
 */
export function createHostCheck(publicUrls: readonly string[]): (host: string | undefined) => boolean {
  const known = new Set(publicUrls.map((url) => new URL(url).hostname))
  return (host) => {
    // Browsers always send one, and so does everything that speaks HTTP/1.1.
    if (host === undefined) return true
    const name = host.replace(/:\d*$/, '').toLowerCase()
    return known.has(name) || isLoopback(name)
  }
}
