import { Problem } from '../errors.js'

/** What travels with every call, in a header behind the gateway, must stay small. */
const maxBytes = 4096

/**
 * Refuses JSON that is too large, or that the database cannot keep (NUL, lone surrogates).
 * @param path the member that holds it, for the answer
 */
export function requireKeepable(path: string, json: Record<string, unknown>): void {
  const text = JSON.stringify(json)
  const message =
    Buffer.byteLength(text) > maxBytes
      ? `must be at most ${maxBytes} bytes of JSON`
      : // JSON.stringify escapes exactly these: a NUL, and surrogates that have no partner.
        /(?<!\\)(\\\\)*\\u(0000|d[89a-f][0-9a-f]{2})/i.test(text)
        ? 'must not hold NUL or incomplete characters'
        : null
  if (message !== null) throw new Problem('validation_failed', { errors: [{ path, message }] })
}
