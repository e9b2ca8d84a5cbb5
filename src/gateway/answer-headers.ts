import type { Dispatcher } from 'undici'

/** Names and values in turn, as bytes; undici has an object of headers only where it speaks HTTP/2. */
export type RawHeaders = Dispatcher.DispatchController['rawHeaders']

/** `own`: the gateway's headers. A `cache-control` among these stands only where the service says none. */
export type MakeAnswerHeaders = (raw: RawHeaders, own: Readonly<Record<string, unknown>>) => string[]

export interface AnswerHeaderOptions {
  /** As `Otoroshi`. */
  headerPrefix: string
  /** How the names of this product's own cookies begin: no service sets one. */
  ownCookies: readonly string[]
}

type Fate = 'keep' | 'drop' | 'set-cookie'

const maxRememberedNames = 2000
/** Of one connection alone (RFC 9110 §7.6.1), and those that only the gateway says. */
const dropped = [
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
  'te',
  'x-request-id',
  'x-api-key-expires-at',
  // It clears the cookies of the whole site: the session of Latchkey too, on another port or host of it.
  'clear-site-data',
]
const prefixed = ['daily-calls-remaining', 'monthly-calls-remaining', 'proxy-latency', 'upstream-latency']

/**
 * Returns a function that builds the client's response headers, names and values in turn: the service's as they came,
 * without those of its connection, those that the gateway has set itself, and this product's cookies.
 */
export function createAnswerHeaders({ headerPrefix, ownCookies }: AnswerHeaderOptions): MakeAnswerHeaders {
  const start = headerPrefix.toLowerCase()
  const names = new Set([...dropped, ...prefixed.map((end) => `${start}-${end}`)])
  const known = new Map<string, Fate>()

  return (rawHeaders, own) => {
    const raw = listRaw(rawHeaders)
    const result: string[] = []
    const ofConnection = findNamedInConnection(raw)
    let hasCacheControl = false
    for (let at = 0; at < raw.length; at += 2) {
      const name = readText(raw[at])
      const fate = known.get(name) ?? remember(name)
      if (fate === 'drop') continue
      const value = readText(raw[at + 1])
      const small = name.toLowerCase()
      if (fate === 'set-cookie' && isOwnCookie(value)) continue
      if (ofConnection?.has(small)) continue
      if (small === 'cache-control') hasCacheControl = true
      // What an answer depends on for the service and for the gateway adds up.
      else if (small !== 'vary' && Object.hasOwn(own, small)) continue
      result.push(name, value)
    }
    for (const name in own) {
      if (name === 'cache-control' && hasCacheControl) continue
      addOwn(result, name, own[name])
    }
    return result
  }

  function remember(name: string): Fate {
    const small = name.toLowerCase()
    const fate = names.has(small) ? 'drop' : small === 'set-cookie' ? 'set-cookie' : 'keep'
    if (known.size < maxRememberedNames) known.set(name, fate)
    return fate
  }

  function isOwnCookie(value: string): boolean {
    // A browser takes `=name=value` for the cookie `name`.
    const cookie = value.replace(/^[\s=]+/, '')
    return ownCookies.some((own) => cookie.startsWith(own))
  }
}

/** The trailers of an answer as pairs, as Node takes them. */
export function readTrailers(rawTrailers: RawHeaders): [name: string, value: string][] {
  const raw = listRaw(rawTrailers)
  const pairs: [string, string][] = []
  for (let at = 0; at < raw.length; at += 2) pairs.push([readText(raw[at]), readText(raw[at + 1])])
  return pairs
}

type RawText = Buffer | string | undefined

const listRaw = (raw: RawHeaders): readonly RawText[] => (Array.isArray(raw) ? raw : [])

/** Each byte becomes one character, as Node writes them, so that the bytes that a service sent stay as they are. */
const readText = (text: RawText): string =>
  typeof text === 'string' ? text : (text?.toString('latin1') ?? '')

function findNamedInConnection(raw: readonly RawText[]): ReadonlySet<string> | null {
  let named: Set<string> | null = null
  for (let at = 0; at < raw.length; at += 2) {
    if (raw[at]?.length !== 10 || readText(raw[at]).toLowerCase() !== 'connection') continue
    const value = readText(raw[at + 1]).toLowerCase()
    if (value === 'keep-alive' || value === 'close') continue
    named ??= new Set()
    for (const word of value.split(',')) named.add(word.trim())
  }
  return named
}

function addOwn(result: string[], name: string, value: unknown): void {
  if (Array.isArray(value)) for (const item of value) result.push(name, String(item))
  else if (value !== undefined) result.push(name, String(value))
}
