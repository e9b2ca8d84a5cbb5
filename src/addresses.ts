import { BlockList, isIP, isIPv6 } from 'node:net'

/** An IPv4 or IPv6 address, or a range in CIDR notation. */
export function isIpRange(text: string): boolean {
  const [address = '', bits, ...rest] = text.split('/')
  const family = isIP(address)
  // A zone (`fe80::1%eth0`) means something else on every machine.
  if (family === 0 || rest.length > 0 || address.includes('%')) return false
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 6 ? 128 : 32))
}

/**
 * Compiles addresses and CIDR ranges into a test; an IPv4 address may come written as IPv6.
 * @param ranges each of which is an `isIpRange`
 */
export function compileRanges(ranges: readonly string[]): (address: string) => boolean {
  const list = new BlockList()
  for (const range of ranges) {
    const [address = '', bits] = range.split('/')
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
    if (bits === undefined) list.addAddress(address, family)
    else list.addSubnet(address, Number(bits), family)
  }
  return (address) => {
    const plain = withoutMapping(address)
    const family = isIP(plain)
    return family !== 0 && list.check(plain, family === 6 ? 'ipv6' : 'ipv4')
  }
}

/** A socket that listens on both families tells an IPv4 address as `::ffff:192.0.2.1`. */
const withoutMapping = (address: string) => address.replace(/^::ffff:(?=\d+\.)/i, '')

const isLoopbackAddress = compileRanges(['127.0.0.0/8', '::1'])

/** An address as it stands in a URL, or any other host, without the brackets of IPv6. */
export const withoutBrackets = (host: string): string => host.replace(/^\[|\]$/g, '')

/** Whether a host name or address (brackets of IPv6 allowed) can only mean this machine. */
export function isLoopback(host: string): boolean {
  const address = withoutBrackets(host)
  return address === 'localhost' || isLoopbackAddress(address)
}

/** What counts as one client: an IPv4 address, or a /64 of IPv6, all of which one customer holds. */
export function networkOf(client: string): string {
  const address = withoutMapping(client)
  if (!isIPv6(address)) return address
  const [head = '', tail] = address.split('::')
  const groups = head.split(':').filter((group) => group !== '')
  if (tail !== undefined) {
    const last = tail.split(':').filter((group) => group !== '')
    while (groups.length + last.length < 8) groups.push('0')
  }
  const network = groups.slice(0, 4).map((group) => Number.parseInt(group, 16).toString(16))
  return `${network.join(':')}::/64`
}
