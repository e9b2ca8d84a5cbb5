import { decodeJwt, decodeProtectedHeader, type JWTPayload, type ProtectedHeaderParameters } from 'jose'
import { isStorable } from './claims.js'
import { isOwnSubject } from './own-subjects.js'

/** A JWT as it is written. Nothing is verified yet. */
export interface WrittenToken {
  readonly header: ProtectedHeaderParameters
  readonly claims: JWTPayload
}

/** Types of the header that say "access token" (RFC 9068 §2.1), in lower case. */
export const accessTokenTypes: readonly string[] = ['at+jwt', 'application/at+jwt']
/** Types of the header that an access token or a key-signed JWT may have. A header may also leave the type out. */
export const presentedTypes: readonly string[] = ['jwt', ...accessTokenTypes]
/** The same of a logout token: Keycloak writes `JWT`, the standard recommends its own type. */
export const logoutTypes: readonly string[] = ['jwt', 'logout+jwt', 'application/logout+jwt']

/**
 * Reads the header and the claims of a JWT, and refuses one of another kind by its header.
 * @param types values of the header's `typ` that pass, in lower case
 * @returns null for a text that is no JWT, for another `typ`, and for a JWT inside a JWT
 * @see RFC 8725 §3.11
 */
export function readToken(token: string, types: readonly string[]): WrittenToken | null {
  try {
    const header = decodeProtectedHeader(token)
    if (!isOfType(header.typ, types) || isNested(header.cty)) return null
    return { header, claims: decodeJwt(token) }
  } catch {
    return null
  }
}

/** Whether a header's `typ` is one of these, in any case, or left out. */
const isOfType = (typ: unknown, types: readonly string[]): boolean =>
  typ === undefined || (typeof typ === 'string' && types.includes(typ.toLowerCase()))

/** `cty` says what the payload is. `JWT` there means another JWT, which we do not open (RFC 7519 §5.2). */
const isNested = (cty: unknown): boolean =>
  cty !== undefined && (typeof cty !== 'string' || /^(application\/)?jwt$/i.test(cty))

/**
 * Whether the times of a token are finite numbers, whole or not, or left out. JSON's `1e999` is read as Infinity, and
 * jose takes that for a time that never comes.
 */
export const hasFiniteTimes = ({ exp, nbf, iat }: JWTPayload): boolean =>
  [exp, nbf, iat].every((time) => time === undefined || Number.isFinite(time))

const maxSubjectLength = 255

/** Control characters, line ends, and characters that Unicode shows as nothing. */
const invisible = /[\p{Cc}\p{Default_Ignorable_Code_Point}\u2028\u2029]/u

/**
 * Whether a `sub` can name a person (OpenID Connect Core §2: at most 255 characters). Refuses a `sub` that the database
 * would change or that looks like another one: with half a surrogate pair, invisible characters, or white space at an
 * end. Refuses the subjects of server users and of this service itself too, because their owner could be impersonated.
 */
export const isSubject = (sub: unknown): sub is string =>
  isStorable(sub) &&
  sub !== '' &&
  sub.length <= maxSubjectLength &&
  sub === sub.trim() &&
  !invisible.test(sub) &&
  !isOwnSubject(sub)
