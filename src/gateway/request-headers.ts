import type { IncomingMessage } from 'node:http'
import { compileRanges, withoutMapping } from '../addresses.js'
import { createCredentialRemover, type ForwardedCredential } from '../auth/forwarding.js'
import { foldHeaderName } from '../auth/header-names.js'
import { isHost, trimSlashes } from '../urls.js'

export interface RequestHeaderOptions {
  /** As `Latchkey`: headers beginning so are the gateway's alone. */
  identityHeaderPrefix: string
  /** As `Otoroshi`: headers beginning so present keys. */
  headerPrefix: string
  /** How the names of this product's own cookies begin: they never reach a service. */
  ownCookies: readonly string[]
  /** Addresses and ranges whose `X-Forwarded-*` and `Forwarded` are believed. */
  trustProxy: readonly string[]
  /** Of the gateway's public URL, since TLS may end in front of it: `http` or `https`. */
  scheme: string
}

export interface ForwardedCall {
  readonly message: IncomingMessage
  readonly requestId: string
  /** Which part that presents a credential goes on. */
  readonly forwarded: ForwardedCredential
  /** Who is calling, by the names of headers. */
  readonly identity: Readonly<Record<string, string>>
  /** The part of the path that the service does not see; empty where it sees all. */
  readonly hiddenPrefix: string
  /** What the path presented; null: nothing. */
  readonly hiddenCredential: string | null
  /** Whether that let the caller in: then it is no word that they chose. */
  readonly isCredentialGood: boolean
}

/** What becomes of a header of the client. `trusted`: kept only when it comes from a proxy that is believed. */
type Fate = 'keep' | 'drop' | 'trusted' | 'authorization' | 'cookie' | 'te' | 'referer'

const fates: Record<string, Fate> = {
  // Of one connection alone (RFC 9110 §7.6.1); the ones to the service are undici's.
  connection: 'drop',
  'keep-alive': 'drop',
  'proxy-connection': 'drop',
  'transfer-encoding': 'drop',
  upgrade: 'drop',
  'http2-settings': 'drop',
  'proxy-authorization': 'drop',
  te: 'te',
  // The gateway has answered it itself.
  expect: 'drop',
  // The service's own name is the one to reach it by; the client's goes on in X-Forwarded-Host.
  host: 'drop',
  'x-request-id': 'drop',
  // They would make a write of what was checked as a read.
  'x-http-method-override': 'drop',
  'x-http-method': 'drop',
  'x-method-override': 'drop',
  'x-original-method': 'drop',
  'x-forwarded-method': 'drop',
  // Some frameworks route by them: they would lead past what was matched. A proxy in front may pass them on unseen, so
  // that they are dropped from a trusted one too.
  'x-original-url': 'drop',
  'x-original-uri': 'drop',
  'x-rewrite-url': 'drop',
  'x-rewrite-uri': 'drop',
  'x-forwarded-uri': 'drop',
  'x-forwarded-path': 'drop',
  // gunicorn and recipes for Flask cut these from the path, or take them for it.
  'script-name': 'drop',
  'x-script-name': 'drop',
  'x-forwarded-script-name': 'drop',
  'path-info': 'drop',
  // CGI programs take it for the setting HTTP_PROXY (httpoxy, CVE-2016-5385).
  proxy: 'drop',
  // Rack answers by them with the path of a file, which a proxy in between then serves (CVE-2025-61780).
  'x-sendfile-type': 'drop',
  'x-accel-mapping': 'drop',
  // Told anew, from what is known of the connection.
  forwarded: 'drop',
  'x-forwarded-for': 'drop',
  'x-forwarded-host': 'drop',
  'x-forwarded-proto': 'drop',
  'x-forwarded-prefix': 'drop',
  'x-real-ip': 'trusted',
  cookie: 'cookie',
  referer: 'referer',
}

const maxRememberedNames = 2000

/**
 * Returns a function that builds the headers that a service gets: the client's own as they came, in their case and
 * order, without those of the connection, those that present credentials and those that only the gateway may send.
 * It returns names and values in turn, as undici takes them.
 */
export function createRequestHeaders(options: RequestHeaderOptions): (call: ForwardedCall) => string[] {
  const { identityHeaderPrefix, headerPrefix, ownCookies, trustProxy, scheme } = options
  const removeCredentials = createCredentialRemover({ headerPrefix, ownCookies })
  const isTrusted = trustProxy.length === 0 ? () => false : compileRanges(trustProxy)
  const ownStart = `${foldHeaderName(identityHeaderPrefix)}-`
  // Clients send the same few names: each is looked into once. Bounded, since anybody may send others.
  const known = new Map<string, Fate>()

  return (call) => {
    const { message, forwarded } = call
    const { rawHeaders, headers } = message
    const peer = withoutMapping(message.socket.remoteAddress ?? '')
    const trusted = isTrusted(peer)
    const ofConnection = listConnectionNames(headers.connection)
    const result: string[] = []
    for (let at = 0; at < rawHeaders.length; at += 2) {
      const name = rawHeaders[at] as string
      const value = rawHeaders[at + 1] as string
      const fate = known.get(name) ?? remember(name)
      if (fate === 'drop' || ofConnection?.has(name.toLowerCase())) continue
      if (
        call.hiddenCredential !== null &&
        holdsCredential(value, call.hiddenCredential, call.isCredentialGood)
      )
        continue
      if (fate === 'keep') result.push(name, value)
      else if (isForwarded(fate, value, forwarded, trusted)) result.push(name, value)
      else if (fate === 'cookie') addCookies(result, name, value, forwarded)
    }
    addForwarded(result, call, peer, trusted)
    for (const name in call.identity) result.push(name, call.identity[name] as string)
    return result
  }

  function remember(name: string): Fate {
    const fate = decideFate(name)
    if (known.size < maxRememberedNames) known.set(name, fate)
    return fate
  }

  function decideFate(name: string): Fate {
    const small = name.toLowerCase()
    const plain = foldHeaderName(small)
    if (plain.startsWith(ownStart)) return 'drop'
    if (small === 'authorization') return 'authorization'
    const presentsCredential = small !== 'cookie' && !(small in removeCredentials({ [small]: '' }, null))
    if (presentsCredential) return 'drop'
    if (Object.hasOwn(fates, small)) return fates[small] as Fate
    if (Object.hasOwn(fates, plain) || plain === 'content-length') return small === plain ? 'keep' : 'drop'
    return plain.startsWith('x-forwarded-') ? 'trusted' : 'keep'
  }

  function addCookies(result: string[], name: string, value: string, forwarded: ForwardedCredential): void {
    const { cookie } = removeCredentials({ cookie: value }, forwarded)
    if (typeof cookie === 'string') result.push(name, cookie)
  }

  /** Who is calling by what way: from the connection, behind what a trusted proxy says of its own. */
  function addForwarded(result: string[], call: ForwardedCall, peer: string, trusted: boolean): void {
    const { headers } = call.message
    const read = (name: string) => (trusted ? joinValues(headers[name]) : undefined)
    const host = readHosts(read('x-forwarded-host')) ?? headers.host ?? ''
    const proto = readSchemes(read('x-forwarded-proto')) ?? scheme
    const prefix = readPrefix(read('x-forwarded-prefix')) + call.hiddenPrefix
    const own = `for=${peer.includes(':') ? `"[${peer}]"` : peer};host=${quote(headers.host ?? '')};proto=${scheme}`
    result.push('X-Forwarded-For', appendTo(read('x-forwarded-for'), peer))
    result.push('X-Forwarded-Host', host, 'X-Forwarded-Proto', proto)
    result.push('Forwarded', appendTo(read('forwarded'), own), 'X-Request-Id', call.requestId)
    if (prefix !== '') result.push('X-Forwarded-Prefix', prefix)
  }
}

function isForwarded(fate: Fate, value: string, forwarded: ForwardedCredential, trusted: boolean): boolean {
  if (fate === 'authorization') return forwarded === 'authorization'
  if (fate === 'te') return value.trim().toLowerCase() === 'trailers'
  if (fate === 'referer') return !credentialInUrl.test(value)
  return fate === 'trusted' && trusted
}

/** The URL of a page that a link opened, where the browser does not heed `Referrer-Policy`. */
const credentialInUrl = /^[^?]*\/(k|%6b)\//i

/**
 * A proxy in front may tell of the URL as it was asked for, by whatever name. What did not let in is only looked for where a
 * URL has it: who calls chooses that word, and must not make others of that proxy's headers go away by it.
 */
function holdsCredential(value: string, credential: string, isGood: boolean): boolean {
  if (credential === '') return false
  const forms = [credential, encodeURIComponent(credential)]
  if (isGood) return forms.some((form) => value.includes(form))
  const behindStart = value.split(credentialStart).slice(1)
  return behindStart.some((rest) => forms.some((form) => rest.startsWith(form)))
}

const credentialStart = /(?:\/|%2f)(?:k|%6b)(?:\/|%2f)/i

/** Names that are of the client's connection alone; null: none but the usual words. */
function listConnectionNames(connection: string | undefined): ReadonlySet<string> | null {
  if (connection === undefined || connection === 'keep-alive' || connection === 'close') return null
  return new Set(connection.split(',').map((name) => name.trim().toLowerCase()))
}

const joinValues = (value: string | string[] | undefined) => (Array.isArray(value) ? value.join(', ') : value)

/** A proxy may pass on what its client sent: a list that holds anything else is not believed. */
const believeListOf = (isMember: (text: string) => boolean) => (list: string | undefined) =>
  list?.split(',').every((member) => isMember(member.trim())) === true ? list : undefined

const readHosts = believeListOf(isHost)
/** Traefik says `wss` of a WebSocket. */
const readSchemes = believeListOf((scheme) => /^(?:http|ws)s?$/i.test(scheme))

/** Segments that neither begin with a dot nor hold an escape. */
const plainPrefix = /^(?:\/[\w~-][\w.~-]*)*\/?$/

/** Returns the path without a slash at its end: `/` alone would make `//host` of the path behind it. */
const readPrefix = (prefix = '') => (plainPrefix.test(prefix) ? trimSlashes(prefix) : '')

const appendTo = (list: string | undefined, own: string) =>
  list === undefined || list === '' ? own : `${list}, ${own}`

const plainHost = /^[A-Za-z0-9.-]+$/

/** A port or brackets need quotes (RFC 7239 §4). */
const quote = (host: string) => (plainHost.test(host) ? host : `"${host.replace(/["\\]/g, '\\$&')}"`)
