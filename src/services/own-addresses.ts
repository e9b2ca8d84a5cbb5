import { isLoopback } from '../addresses.js'
import type { IsOwnAddress } from './descriptor.js'

/**
 * Knows the addresses of this service and of its gateway: where they listen, and where people reach them.
 * @param options.publicUrls without a trailing slash
 */
export function knowOwnAddresses(options: {
  publicUrls: readonly string[]
  host: string
  ports: readonly number[]
}): IsOwnAddress {
  const { host, ports } = options
  const publicUrls = options.publicUrls.map((url) => new URL(url))
  return (url) =>
    publicUrls.some((own) => own.origin === url.origin && isBelow(url.pathname, own.pathname)) ||
    (url.protocol === 'http:' && ports.includes(Number(url.port || 80)) && isSameMachine(url.hostname, host))
}

/** Behind one proxy other services may share the origin, each with a path of its own. */
const isBelow = (path: string, base: string) => `${path}/`.startsWith(base.endsWith('/') ? base : `${base}/`)

function isSameMachine(target: string, host: string): boolean {
  if (isAnyAddress(host)) return isLoopback(target) || isAnyAddress(target)
  return isLoopback(host) ? isLoopback(target) || isAnyAddress(target) : plain(target) === plain(host)
}

const plain = (host: string) => host.replace(/^\[|\]$/g, '')
const isAnyAddress = (host: string) => ['0.0.0.0', '::'].includes(plain(host))
