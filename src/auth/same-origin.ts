import type { IncomingHttpHeaders } from 'node:http'

const safeMethods = new Set(['GET', 'HEAD', 'OPTIONS'])

export const isSafeMethod = (method: string) => safeMethods.has(method)

/**
 * Whether a browser says that a request was made by a page of this site. A request that says nothing is not:
 * a cookie goes along with requests that other sites start.
 */
export function isSameOrigin(headers: IncomingHttpHeaders, publicOrigin: string): boolean {
  const fetchSite = headers['sec-fetch-site']
  const { origin } = headers
  if (fetchSite === undefined && origin === undefined) return false
  return (fetchSite ?? 'same-origin') === 'same-origin' && (origin ?? publicOrigin) === publicOrigin
}
