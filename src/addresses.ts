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

/** Far more proxies than stand in front of anybody. A header may list a thousand addresses. */
const maxProxies = 50

/**
 * Compiles the addresses of proxies into what Fastify takes as `trustProxy`.
 * @param proxies each of which is an `isIpRange`
 * @returns a test of the address that is so many hops away, 0 for the connection itself; false: no proxy is trusted
 */
export function compileTrust(
  proxies: readonly string[],
): false | ((address: string, hop: number) => boolean) {
  if (proxies.length === 0) return false
  const isProxy = compileRanges(proxies)
  return (address, hop) => hop < maxProxies && isProxy(address)
}

/** A socket that listens on both families tells an IPv4 address as `::ffff:192.0.2.1`. */
export const withoutMapping = (address: string): string => address.replace(/^::ffff:(?=\d+\.)/i, '')

const isLoopbackAddress = compileRanges(['127.0.0.0/8', '::1'])

/** An address as it stands in a URL, or any other host, without the brackets of IPv6. */
export const withoutBrackets = (host: string): string => host.replace(/^\[|\]$/g, '')

/** Whether a host name or address (brackets of IPv6 allowed) can only mean this machine. */
export function isLoopback(host: string): boolean {
  const address = withoutBrackets(host)
  return address === 'localhost' || isLoopbackAddress(address)
}

/**
 * Finds the IPv4 address that a network may make of an IPv6 one: by NAT64 (`64:ff9b::/96`, RFC 6052), 6to4 (`2002::/16`,
 * RFC 3056), SIIT (`::ffff:0:0:0/96`, RFC 2765), and as the old compatible form (`::/96`, RFC 4291).
 * @returns null for an address that holds none, and for `::` and `::1`
 */
export function findEmbeddedIpv4(address: string): string | null {
  if (!isIPv6(address)) return null
  const groups = listGroups(address)
  const [first = 0, second = 0, third = 0] = groups
  if (first === 0x2002) return writeIpv4(second, third)
  const [high = 0, low = 0] = groups.slice(6)
  const start = groups.slice(0, 6).map((group) => group.toString(16))
  const isCompatible = !(high === 0 && low <= 1)
  const holds = ['64:ff9b:0:0:0:0', '0:0:0:0:ffff:0', ...(isCompatible ? ['0:0:0:0:0:0'] : [])]
  return holds.includes(start.join(':')) ? writeIpv4(high, low) : null
}

const writeIpv4 = (high: number, low: number) => `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`

/** The eight groups of an IPv6 address. */
function listGroups(address: string): number[] {
  const [head = '', tail] = address.split('::')
  const groups = readGroups(head)
  if (tail === undefined) return groups
  const last = readGroups(tail)
  while (groups.length + last.length < 8) groups.push(0)
  return [...groups, ...last]
}

/** @param text groups with colons between, the last two of which may be written as an IPv4 address */
const readGroups = (text: string): number[] =>
  text.split(':').flatMap((group) => {
    if (group === '') return []
    if (!group.includes('.')) return [Number.parseInt(group, 16)]
    const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map((byte) => Number.parseInt(byte, 10))
    return [a * 256 + b, c * 256 + d]
  })

/** What counts as one client: an IPv4 address, or a /64 of IPv6, all of which one customer holds. */
export function networkOf(client: string): string {
  const address = withoutMapping(client)
  if (!isIPv6(address)) return address
  const network = listGroups(address).slice(0, 4)
  return `${network.map((group) => group.toString(16)).join(':')}::/64`
}
