import { findCredential } from '../auth/find-credential.js'
import { Problem } from '../problems/problem.js'

/** What travels with every call, in a header behind the gateway, must stay small. */
const maxBytes = 4096
/** Many readers of JSON give up at some depth, or fall over: services read it with each call. */
const maxDepth = 32

/**
 * Refuses JSON that is too large or too deep, that the database cannot keep (NUL, lone surrogates), or that holds a
 * credential of this service. Numbers and members are as they were sent, because `parseExactJson` read them.
 * @param path the member that holds it, for the answer
 */
export function requireKeepable(path: string, json: Record<string, unknown>): void {
  const message = findFault(json)
  if (message !== null) throw new Problem('validation_failed', { errors: [{ path, message }] })
}

function findFault(json: object): string | null {
  // First, since JSON.stringify itself falls over what is deep enough.
  if (isTooDeep(json)) return `must not be nested deeper than ${maxDepth}`
  const text = JSON.stringify(json)
  if (Buffer.byteLength(text) > maxBytes) return `must be at most ${maxBytes} bytes of JSON`
  const found = findCredential(listTexts(json).join('\n'))
  if (found !== null) return `must not hold ${found}: it would be stored and sent to services`
  // JSON.stringify escapes exactly these: a NUL, and surrogates that have no partner.
  return /(?<!\\)(\\\\)*\\u(0000|d[89a-f][0-9a-f]{2})/i.test(text)
    ? 'must not hold NUL or incomplete characters'
    : null
}

function isTooDeep(json: object): boolean {
  let level = [json]
  for (let depth = 1; level.length > 0; depth++) {
    if (depth > maxDepth) return true
    level = level.flatMap((container) => Object.values(container).filter(isContainer))
  }
  return false
}

/** The names of all members, and all strings. */
export function listTexts(json: unknown): string[] {
  if (typeof json === 'string') return [json]
  if (!isContainer(json)) return []
  const names = Array.isArray(json) ? [] : Object.keys(json)
  return [...names, ...Object.values(json).flatMap(listTexts)]
}

const isContainer = (value: unknown): value is object => typeof value === 'object' && value !== null
