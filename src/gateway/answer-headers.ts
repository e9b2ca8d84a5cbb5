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
 * Makes the maker of the headers of an answer: the service's own as they came, without those of its connection, its
 * words where the gateway has said the same, and this product's cookies.
 * @returns a function of the service's names and values in turn as bytes, and of the gateway's own headers; a
 * `cache-control` among these stands only where the service says none
 */
export function createAnswerHeaders({ headerPrefix, ownCookies }: AnswerHeaderOptions) {
  const start = headerPrefix.toLowerCase()
  const names = new Set([...dropped, ...prefixed.map((end) => `${start}-${end}`)])
  const known = new Map<string, Fate>()

  return (raw: readonly Buffer[], own: Readonly<Record<string, unknown>>): string[] => {
    const result: string[] = []
    const ofConnection = findNamedInConnection(raw)
    let hasCacheControl = false
    for (let at = 0; at < raw.length; at += 2) {
      // Each byte one character, as Node writes them: whatever a service says stays what it is.
      const name = (raw[at] as Buffer).toString('latin1')
      const fate = known.get(name) ?? remember(name)
      if (fate === 'drop') continue
      const value = (raw[at + 1] as Buffer).toString('latin1')
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

function findNamedInConnection(raw: readonly Buffer[]): ReadonlySet<string> | null {
  let named: Set<string> | null = null
  for (let at = 0; at < raw.length; at += 2) {
    const name = raw[at] as Buffer
    if (name.length !== 10 || name.toString('latin1').toLowerCase() !== 'connection') continue
    const value = (raw[at + 1] as Buffer).toString('latin1').toLowerCase()
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
