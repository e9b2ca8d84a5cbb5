import type { IncomingHttpHeaders } from 'node:http'
import type { ProblemCode } from '../errors.js'
import { comesFromAllowedHost } from './bounds.js'
import { isSafeMethod } from './same-origin.js'
import type { Access, KeyBounds, Principal } from './types.js'

interface Call {
  method: string
  headers: IncomingHttpHeaders
  address: string
  /** Of the path. */
  params: unknown
}

/**
 * Whether an authenticated caller may make this call: null, or the code of the refusal. The order of the
 * checks is part of the contract, since the first that fails is what the caller reads.
 */
export function decideAccess(
  principal: Principal,
  key: KeyBounds | undefined,
  access: Access,
  call: Call,
): ProblemCode | null {
  if (key !== undefined) {
    const refusal = decideBounds(key, access, call)
    if (refusal !== null) return refusal
    if (access.by === 'login' || (access.by === 'login-or-itself' && !isItself(principal, call))) {
      return 'login_required'
    }
  }
  return access.scopes === undefined || hasAll(principal.scopes, access.scopes) ? null : 'insufficient_scope'
}

function decideBounds(key: KeyBounds, access: Access, call: Call): ProblemCode | null {
  if (key.allowedReferers !== null && !comesFromAllowedHost(call.headers, key.allowedReferers)) {
    return 'referer_not_allowed'
  }
  if (key.allowsAddress !== null && !key.allowsAddress(call.address)) return 'address_not_allowed'
  if (key.readOnly && access.readOnlyKeys !== 'may-write' && !isSafeMethod(call.method))
    return 'read_only_key'
  return null
}

const isItself = ({ keyId }: Principal, { params }: Call) => (params as { id?: string }).id === keyId

const hasAll = (held: readonly string[], asked: readonly string[]) =>
  asked.every((right) => held.includes(right))
