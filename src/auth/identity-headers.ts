import type { IncomingMessage } from 'node:http'
import { toUSVString } from 'node:util'
import { foldHeaderName } from './header-names.js'
import type { Principal } from './types.js'

/**
 * Returns a function that removes the headers that tell services who is calling, as a client sends them to pretend:
 * in any case, and with any character for `-`. Trailers come later, and are never read or forwarded.
 * @param prefix how those headers begin, as `Latchkey`
 */
export function createIdentityHeaderRemover(prefix: string): (message: IncomingMessage) => void {
  const start = `${foldHeaderName(prefix)}-`
  const first = start.charCodeAt(0)
  const pretends = (name: string) =>
    // The first letter spares lower-casing every header of every request; `| 32` makes it a small one.
    (name.charCodeAt(0) | 32) === first &&
    name.length >= start.length &&
    foldHeaderName(name).startsWith(start)

  return ({ rawHeaders, headers }) => {
    for (let at = rawHeaders.length - 2; at >= 0; at -= 2) {
      const name = rawHeaders[at] as string
      if (!pretends(name)) continue
      rawHeaders.splice(at, 2)
      delete headers[name.toLowerCase()]
    }
  }
}

/** What a service behind the gateway is told of its caller: the one meaning that headers and assertion share. */
export interface Identity {
  readonly subject: string
  readonly login: string
  readonly kind: string
  readonly via: string
  /** Empty: no key was used. */
  readonly keyId: string
  /** As many as there is room for, in their order; never part of one. */
  readonly scopes: readonly string[]
  readonly roles: readonly string[]
  /** Empty: there is none. */
  readonly config: Readonly<Record<string, unknown>>
}

/**
 * Node, and more servers than it, refuse requests with more than 16 KB of headers. The assertion says the same in
 * four thirds of it, so this leaves 2 KB to the client's own.
 */
const maxBytes = 5632

/**
 * What services are told of a principal. Of somebody with a thousand roles it names those that fit, scopes before
 * roles: a service that misses one refuses, while one that never gets the request serves nobody. The rest is never
 * cut, since a config without its end could grant what the whole one forbids.
 */
export function describeIdentity(principal: Principal): Identity {
  const { subject, login, kind, via, keyId = '', config } = principal
  const whole = [subject, login, kind, via, keyId].map(encode).join('') + encodeConfig(config)
  const scopes = takeFitting(principal.scopes, maxBytes - whole.length)
  const left = maxBytes - whole.length - measure(scopes)
  return { subject, login, kind, via, keyId, scopes, roles: takeFitting(principal.roles, left), config }
}

/**
 * Makes the headers that tell services who is calling: always all of them, empty where there is nothing to say, so
 * that no proxy leaves a client's own in place. Values are ASCII; see `describeIdentity` for their size.
 * @param options.prefix how their names begin, as `Latchkey`
 * @returns a function of the principal, null where nobody had to say who they are; its records are frozen, and the
 * same ones for the same principal
 */
export function createIdentityHeaders({ prefix }: { prefix: string }) {
  const known = new WeakMap<Principal, Readonly<Record<string, string>>>()
  const nobody = nameHeaders(prefix, noIdentity)

  return (principal: Principal | null): Readonly<Record<string, string>> => {
    if (principal === null) return nobody
    let headers = known.get(principal)
    if (headers === undefined) {
      headers = nameHeaders(prefix, describeIdentity(principal))
      known.set(principal, headers)
    }
    return headers
  }
}

const noIdentity: Identity = {
  subject: '',
  login: '',
  kind: '',
  via: '',
  keyId: '',
  scopes: [],
  roles: [],
  config: {},
}

function nameHeaders(prefix: string, identity: Identity): Readonly<Record<string, string>> {
  return Object.freeze({
    [`${prefix}-Subject`]: encode(identity.subject),
    [`${prefix}-Login`]: encode(identity.login),
    [`${prefix}-Kind`]: encode(identity.kind),
    [`${prefix}-Via`]: encode(identity.via),
    [`${prefix}-Key-Id`]: encode(identity.keyId),
    [`${prefix}-Roles`]: encodeList(identity.roles),
    [`${prefix}-Scopes`]: encodeList(identity.scopes),
    [`${prefix}-Config`]: encodeConfig(identity.config),
  })
}

/** The first ones that take at most so many bytes together. */
function takeFitting(items: readonly string[], bytes: number): readonly string[] {
  let taken = 0
  const end = items.findIndex((item) => {
    taken += measure([item])
    return taken > bytes
  })
  return end === -1 ? items : items.slice(0, end)
}

/** The bytes of a list as a header or in JSON, whichever takes more: the quotes of short items do. */
const measure = (items: readonly string[]) =>
  items.reduce(
    (sum, item) => sum + 1 + Math.max(encode(item).length, Buffer.byteLength(JSON.stringify(item))),
    0,
  )

/** Everything but visible ASCII, and of that `%` (the escape itself) and `,` (proxies join headers with it). */
const unsafe = /[^!-$&-+\--~]+/g

/**
 * Percent-encodes of an item what could end it, or is no visible ASCII; the rest stays for people to read.
 * `decodeURIComponent` restores it, as do Python's `unquote` and Go's `url.PathUnescape`.
 */
const encode = (item: string) =>
  // A surrogate without its partner has no UTF-8, and encodeURIComponent throws at it.
  toUSVString(item).replace(unsafe, encodeURIComponent)
const encodeList = (items: readonly string[]) => items.map(encode).join(' ')
const encodeConfig = (config: Readonly<Record<string, unknown>>) =>
  Object.keys(config).length === 0 ? '' : Buffer.from(JSON.stringify(config)).toString('base64url')
