import type { IncomingHttpHeaders } from 'node:http'
import type { ProblemCode } from '../problems/catalogue.js'
import { comesFromAllowedHost } from './bounds.js'
import { everyRight, hasAllRights, hasRight } from './rights.js'
import { isSafeMethod } from './same-origin.js'
import type { Access, CalledService, KeyBounds, Principal } from './types.js'

export interface Call {
  /** Null: none that a key could be authorised on. */
  service: CalledService | 'own' | null
  method: string
  /** Path and query as they are served, normalised; left out: nothing that a link could open. */
  url?: string | undefined
  /** The other ways in which servers read the path; left out: none. */
  readings?: readonly string[] | undefined
  headers: IncomingHttpHeaders
  address: string
  /** Of the path. */
  params: unknown
  /** Of administrators; left out: nobody is one. */
  adminRole?: string | undefined
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
    const badSource = decideSource(key, call)
    if (badSource !== null) return badSource
    if (!isAuthorized(key, call.service)) return 'not_authorized_here'
    if (key.linkedPath !== undefined) {
      const refusal = decideLink(key.linkedPath, key.listLinkedReadings, call)
      if (refusal !== null) return refusal
    }
  }
  if (!isOfKind(principal, key, access)) return 'not_authorized_here'
  if (key !== undefined) {
    if (key.readOnly && access.readOnlyKeys !== 'may-write' && !isSafeMethod(call.method))
      return 'read_only_key'
    if (key.linkedPath !== undefined && !isPlainReading(call)) return 'read_only_key'
    if (access.by === 'login' || (access.by === 'login-or-itself' && !isItself(principal, call))) {
      return 'login_required'
    }
    // Whoever finds an administrator's key must not be one.
    if (access.by === 'admin' && principal.kind === 'user') return 'login_required'
  }
  if (access.by === 'admin' && !isAdministrator(principal, call)) return 'insufficient_scope'
  return access.scopes === undefined || hasAllRights(principal.scopes, access.scopes)
    ? null
    : 'insufficient_scope'
}

function decideSource(key: KeyBounds, call: Call): ProblemCode | null {
  if (key.allowedReferers !== null && !comesFromAllowedHost(call.headers, key.allowedReferers)) {
    return 'referer_not_allowed'
  }
  return key.allowsAddress === null || key.allowsAddress(call.address) ? null : 'address_not_allowed'
}

/** A key that is not authorised everywhere does not get in where nobody says what is called. */
export function isAuthorized(
  { authorized }: Pick<KeyBounds, 'authorized'>,
  service: Call['service'],
): boolean {
  if (authorized === null || service === 'own') return true
  if (service === null) return false
  return authorized.services.includes(service.id) || authorized.groups.includes(service.group)
}

/** Who may do everything is of any kind; their keys are keys of a person. */
const isOfKind = ({ kind, scopes }: Principal, key: KeyBounds | undefined, { kinds }: Access) =>
  kinds === undefined || kinds.includes(kind) || (key === undefined && scopes.includes(everyRight))

/**
 * A link opens its path and what lies below it by whole segments. A server that reads the path in another way must
 * find it below the linked path as well.
 */
function decideLink(
  linked: string,
  listReadings: KeyBounds['listLinkedReadings'],
  { url = '', readings = [], service }: Call,
): 'not_authorized_here' | 'ambiguous_path' | null {
  const [path = ''] = url.split('?', 1)
  if (!isAtOrBelow(linked, path)) return 'not_authorized_here'
  const depth = (service === 'own' ? null : service)?.depth ?? 0
  const opened = [linked, ...(listReadings?.(depth) ?? [])]
  const agree = readings.every((reading) => opened.some((open) => isAtOrBelow(open, reading)))
  return agree ? null : 'ambiguous_path'
}

const isAtOrBelow = (base: string, path: string) =>
  path === base || path.startsWith(base.endsWith('/') ? base : `${base}/`)

/** A WebSocket begins with a GET, and what the client then says in it need not be reading. */
const isPlainReading = ({ method, headers }: Call) =>
  (method === 'GET' || method === 'HEAD') && headers.upgrade?.toLowerCase() !== 'websocket'

const isItself = ({ keyId }: Principal, { params }: Call) => (params as { id?: string }).id === keyId

const isAdministrator = ({ scopes }: Principal, { adminRole }: Call) =>
  adminRole !== undefined && hasRight(scopes, adminRole)
