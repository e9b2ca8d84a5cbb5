import { toUSVString } from 'node:util'
import type { JWTPayload } from 'jose'
import { everyRight } from './rights.js'
import type { Principal } from './types.js'

/** What a verified token tells about a person. */
export interface Facts {
  subject: string
  login: string
  name: string | null
  email: string | null
  rights: string[]
  attributes: Record<string, unknown>
}

/** Called with each role of a token that is left out of the rights. */
export type ReportRole = (role: string) => void

/**
 * Reads Keycloak's claims of a token that was verified before. Members of a wrong type count as absent.
 * @param attributes names of the claims that are kept as the person's attributes
 * @param reportRole called with each role that is left out. Default: not reported
 * @returns rights as one flat list: realm roles as `role`, client roles as `client:role`, groups as `group:/path`;
 * without roles that would read as every right or as a group
 */
export function readFacts(
  claims: JWTPayload & { sub: string },
  attributes: readonly string[],
  reportRole: ReportRole = () => {},
): Facts {
  return {
    subject: claims.sub,
    login: text(claims.preferred_username) ?? claims.sub,
    name: text(claims.name),
    email: text(claims.email),
    rights: readRights(claims, reportRole),
    attributes: pickAttributes(claims, attributes),
  }
}

/** What a token told about its owner, and as of when. @param now milliseconds since the epoch */
export function readOwnerFacts(principal: Principal, now: number) {
  const { subject, login, name, email, roles, attributes, issuedAt } = principal
  const knownAt = issuedAt === undefined ? new Date(now) : readKnownAt(issuedAt, now)
  return { subject, login, name, email, rights: roles, attributes, knownAt }
}

/**
 * As of when a token tells what it tells.
 * @param issuedAt its `iat`, any finite number of seconds
 * @param now milliseconds since the epoch
 * @returns never a time of the future, because the identity provider's clock may be ahead, and always a valid date
 */
export const readKnownAt = (issuedAt: number, now: number): Date =>
  new Date(Math.max(0, Math.min(now, issuedAt * 1000)))

/** The named members that are there and can be stored as they are: no database keeps NUL or half a character. */
export function pickAttributes(
  members: Readonly<Record<string, unknown>>,
  names: readonly string[],
): Record<string, unknown> {
  const entries = names.flatMap((name) =>
    Object.hasOwn(members, name) && members[name] != null && isStorableJson(members[name])
      ? [[name, members[name]] as const]
      : [],
  )
  return Object.fromEntries(entries)
}

const groupMark = 'group:'

function readRights(claims: JWTPayload, reportRole: ReportRole): string[] {
  const realm = texts(members(claims.realm_access).roles)
  const clients = Object.entries(members(claims.resource_access)).flatMap(([client, access]) =>
    texts(members(access).roles).map((role) => `${client}:${role}`),
  )
  // Of a client named `group` too, whose role `/ops` would read as the group `/ops`.
  const isImpostor = (role: string) => role === everyRight || role.startsWith(groupMark)
  const roles = [...realm, ...clients].filter((role) => {
    if (!isImpostor(role)) return true
    reportRole(role)
    return false
  })
  const groups = texts(claims.groups).map((path) => groupMark + path)
  return [...new Set([...roles, ...groups])].sort()
}

const text = (value: unknown) => (isStorable(value) && value !== '' ? value : null)
const texts = (value: unknown) => (Array.isArray(value) ? value.filter(isStorable) : [])

/** Whether every database keeps this text as it is: none keeps NUL, or half of a surrogate pair. */
export const isStorable = (value: unknown): value is string =>
  typeof value === 'string' && !value.includes('\0') && toUSVString(value) === value

/** Whether a value that was parsed from JSON comes back as it is: numbers too large for JavaScript became Infinity. */
function isStorableJson(value: unknown): boolean {
  if (typeof value === 'number') return Number.isFinite(value)
  if (typeof value === 'string') return isStorable(value)
  if (typeof value !== 'object' || value === null) return true
  return Object.entries(value).every(([name, member]) => isStorable(name) && isStorableJson(member))
}

const members = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null ? { ...value } : {}
