import dns, { type LookupAddress } from 'node:dns'
import { isIP, type LookupFunction } from 'node:net'
import { networkInterfaces } from 'node:os'
import { buildConnector } from 'undici'
import { compileRanges, findEmbeddedIpv4, isIpRange, isLoopback, withoutBrackets } from '../addresses.js'
import type { DeclaredBy } from '../schemas/service.js'
import type { TargetPolicy } from './types.js'

/** Finds the addresses of a host; `options.all` is always set. */
export type Resolve = typeof dns.lookup

export interface TargetPolicyOptions {
  /**
   * What administrators may name: hosts, addresses, CIDR ranges, or `file` for nothing at all. Undefined: every address
   * but those that lead to other networks' secrets.
   */
  allowed: readonly string[] | undefined
  /** Where people reach this service and its gateway, without a slash at the end. */
  publicUrls: readonly string[]
  /** Where they listen. */
  host: string
  ports: readonly number[]
  /** Default: the system's resolver. */
  resolve?: Resolve | undefined
}

/** Cloud metadata gives credentials to whoever asks from this machine; the others are no one service. */
const isReservedItself = compileRanges([
  // Metadata of AWS and most others (link-local), of Alibaba, Azure and Oracle.
  ...['169.254.0.0/16', '100.100.100.200', '168.63.129.16', '192.0.0.192'],
  ...['224.0.0.0/4', '255.255.255.255', '0.0.0.0/8'],
  // Metadata and EKS Pod Identity of AWS, metadata of Google.
  ...['fe80::/10', 'fd00:ec2::/64', 'fd20:ce::254', 'ff00::/8', '::'],
  // Those whose IPv4 address is hidden or up to the network (RFC 4380, RFC 8215).
  ...['2001::/32', '64:ff9b:1::/48'],
])

/** A gateway between IPv4 and IPv6 takes its own loopback for the address, not ours. */
function isReserved(address: string): boolean {
  const embedded = findEmbeddedIpv4(address)
  return (
    isReservedItself(address) || (embedded !== null && (isReservedItself(embedded) || isLoopback(embedded)))
  )
}

const resolveTimeoutMs = 2000
const maxConnectors = 1000

/** An address that the policy forbids; no byte was sent there. */
export class TargetNotAllowed extends Error {
  override readonly name = 'TargetNotAllowed'
  readonly code = 'TARGET_NOT_ALLOWED'
  constructor(host: string) {
    super(`${host} has no address that GATEWAY_TARGETS allows`)
  }
}

/** Decides which addresses services may have, when a descriptor is made and for each connection. */
export function createTargetPolicy(options: TargetPolicyOptions): TargetPolicy {
  const { allowed, ports, resolve = dns.lookup } = options
  const isAllowed = compileAllowed(allowed)
  const isOwnUrl = compileOwnUrls(options)
  const isOwn = compileOwnListeners(options)
  const connectors = new Map<string, buildConnector.connector>()

  /** @param host in the form of a URL, without brackets */
  function takes(address: string, { host, port, declaredBy }: Place): boolean {
    if (isOwn(address, port)) return false
    return declaredBy === 'file' || isAllowed(address, host)
  }

  return {
    findFault: async (url, declaredBy) => {
      if (isOwnUrl(url)) return itself
      const place = { host: hostOf(url), port: portOf(url), declaredBy }
      // Of the operator's targets only our own listeners are refused, so most need no look-up.
      if (declaredBy === 'file' && !ports.includes(place.port)) return null
      const addresses = await resolveInTime(place.host, resolve)
      // A name that nobody knows yet is decided when it is called; a list of names is one to be held to now.
      if (addresses.length === 0)
        return declaredBy === 'file' || isAllowed(null, place.host) ? null : notAllowed
      if (addresses.some((address) => isOwn(address, place.port))) return itself
      return addresses.every((address) => takes(address, place)) ? null : notAllowed
    },
    connector: (declaredBy, timeoutMs) => (wanted, callback) => {
      const host = withoutBrackets(wanted.hostname)
      const place = { host: plainName(host), port: portOf(wanted), declaredBy }
      // Node resolves no address, so that its look-up below is not asked.
      if (isIP(host) !== 0 && !takes(host, place)) return void callback(new TargetNotAllowed(host), null)
      connectorTo(place, timeoutMs)(wanted, callback)
    },
  }

  /** One for each place, because a look-up is not told the port. */
  function connectorTo(place: Place, timeoutMs: number): buildConnector.connector {
    const name = `${place.declaredBy} ${timeoutMs} ${place.port} ${place.host}`
    let connector = connectors.get(name)
    if (connector === undefined) {
      connector = buildConnector({ timeout: timeoutMs, lookup: lookupAllowed(place) })
      if (connectors.size >= maxConnectors) connectors.clear()
      connectors.set(name, connector)
    }
    return connector
  }

  /** Resolves for a connection: it goes to an address that was looked at, and to no other (DNS rebinding). */
  function lookupAllowed(place: Place): LookupFunction {
    return (name, lookupOptions, callback) => {
      resolve(name, { ...lookupOptions, all: true }, (error, found) => {
        if (error !== null) return void callback(error, '', 0)
        const addresses = found.filter(({ address }) => takes(address, place))
        const [first] = addresses
        if (first === undefined) callback(new TargetNotAllowed(name), '', 0)
        else if (lookupOptions.all === true) callback(null, addresses)
        else callback(null, first.address, first.family)
      })
    }
  }
}

interface Place {
  host: string
  port: number
  declaredBy: DeclaredBy
}

const notAllowed = 'leads to an address that GATEWAY_TARGETS does not allow'
const itself = 'must not be this service itself'

/** A name with a dot at its end is the same name. */
const plainName = (host: string) => host.toLowerCase().replace(/\.$/, '')
const hostOf = (url: URL) => plainName(withoutBrackets(url.hostname))
const portOf = ({ port, protocol }: { port: string; protocol: string }) =>
  Number(port || (protocol === 'https:' ? 443 : 80))

/** @returns a test of an address of a host; null for the address: the host has none yet */
function compileAllowed(
  allowed: readonly string[] | undefined,
): (address: string | null, host: string) => boolean {
  if (allowed === undefined) return (address) => address === null || !isReserved(address)
  if (allowed.includes('file')) return () => false
  const isInRange = compileRanges(allowed.filter(isIpRange))
  const hosts = new Set(allowed.filter((item) => !isIpRange(item)).map(plainName))
  return (address, host) => {
    if (address === null) return hosts.has(host)
    // A name that is allowed may still be made to point at metadata by who keeps its zone.
    return isInRange(address) || (hosts.has(host) && !isReserved(address))
  }
}

/** Compares URLs, because behind one proxy other services may share the origin, each with a path of its own. */
function compileOwnUrls({ publicUrls }: TargetPolicyOptions): (url: URL) => boolean {
  const own = publicUrls.map((url) => new URL(url))
  return (url) => {
    const plain = new URL(url)
    plain.hostname = plain.hostname.replace(/\.$/, '')
    return own.some(({ origin, pathname }) => origin === plain.origin && isBelow(plain.pathname, pathname))
  }
}

const isBelow = (path: string, base: string) => `${path}/`.startsWith(base.endsWith('/') ? base : `${base}/`)

/** Compares addresses, because many names lead here: `localhost.`, the name of the machine, a name in any zone. */
function compileOwnListeners({
  host,
  ports,
}: TargetPolicyOptions): (address: string, port: number) => boolean {
  const plain = withoutBrackets(host)
  const isSame = compileRanges(isIP(plain) === 0 ? [] : [plain])
  return (address, port) => {
    if (!ports.includes(port)) return false
    if (isUnspecified(address)) return true
    if (isLoopback(plain)) return isLoopback(address)
    if (isIP(plain) !== 0 && !isUnspecified(plain)) return isSame(address)
    return isLoopback(address) || compileRanges(listOwnAddresses())(address)
  }
}

const isUnspecified = compileRanges(['0.0.0.0', '::'])

const listOwnAddresses = () =>
  Object.values(networkInterfaces()).flatMap((addresses = []) => addresses.map(({ address }) => address))

/** @returns none where the name is not known, or not in time */
function resolveInTime(host: string, resolve: Resolve): Promise<string[]> {
  if (isIP(host) !== 0) return Promise.resolve([host])
  return new Promise((done) => {
    const timer = setTimeout(() => done([]), resolveTimeoutMs)
    resolve(host, { all: true }, (error: NodeJS.ErrnoException | null, found: LookupAddress[]) => {
      clearTimeout(timer)
      done(error === null ? found.map(({ address }) => address) : [])
    })
  })
}
