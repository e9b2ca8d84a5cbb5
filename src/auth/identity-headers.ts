import type { IncomingMessage } from 'node:http'

/**
 * Makes a remover of the headers that tell services who is calling, as a client sends them to pretend: in any
 * case, and with `_` for `-`, which some servers read as the same name.
 * @param prefix how those headers begin, as `Latchkey`
 */
export function createIdentityHeaderRemover(prefix: string): (message: IncomingMessage) => void {
  const start = `${prefix.toLowerCase().replaceAll('_', '-')}-`
  const first = start.charCodeAt(0)
  const pretends = (name: string) =>
    // The first letter spares lower-casing every header of every request; `| 32` makes it a small one.
    (name.charCodeAt(0) | 32) === first &&
    name.length > start.length &&
    name.toLowerCase().replaceAll('_', '-').startsWith(start)

  return ({ rawHeaders, headers }) => {
    for (let at = rawHeaders.length - 2; at >= 0; at -= 2) {
      const name = rawHeaders[at] as string
      if (!pretends(name)) continue
      rawHeaders.splice(at, 2)
      delete headers[name.toLowerCase()]
    }
  }
}
