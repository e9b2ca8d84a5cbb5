import { jwtVerify } from 'jose'
import { signatureAlgorithms } from '../auth/bearer.js'
import type { Issuer } from '../auth/issuer.js'
import { hasFiniteTimes, isSubject, logoutTypes, readToken } from '../auth/token-rules.js'
import { Problem } from '../problems/problem.js'

/** Whose sessions the identity provider has ended: one of its own sessions, or all of a person. */
export type EndedSessions = { issuerSid: string } | { subject: string }

export interface LogoutTokenOptions {
  issuer: Issuer
  clientId: string
  /** Milliseconds since the epoch. */
  clock: () => number
}

const logoutEvent = 'http://schemas.openid.net/event/backchannel-logout'
const maxAgeSeconds = 300

/**
 * Verifies a logout token. An ID token of the same issuer, for the same client, must not pass for one.
 * @throws Problem invalid_request, or unavailable when the issuer cannot be asked
 * @see OpenID Connect Back-Channel Logout 1.0 §2.6
 */
export async function readLogoutToken(token: string, options: LogoutTokenOptions): Promise<EndedSessions> {
  const { events, nonce, sid, sub } = await verify(token, options)
  const tellsOfLogout = typeof events === 'object' && events !== null && logoutEvent in events
  if (!tellsOfLogout || nonce !== undefined) throw refusal()
  if (sub !== undefined && !isSubject(sub)) throw refusal()
  if (typeof sid === 'string' && sid !== '') return { issuerSid: sid }
  if (sub !== undefined) return { subject: sub }
  throw refusal()
}

async function verify(token: string, { issuer, clientId, clock }: LogoutTokenOptions) {
  const read = readToken(token, logoutTypes)
  // Keycloak writes a type into the claims too.
  if (read === null || (read.claims.typ !== undefined && read.claims.typ !== 'Logout')) throw refusal()
  const keys = await issuer.keys().catch((cause: unknown) => {
    throw new Problem('unavailable', { cause })
  })
  try {
    const { payload } = await jwtVerify(token, keys, {
      algorithms: signatureAlgorithms,
      issuer: issuer.issuer,
      audience: clientId,
      requiredClaims: ['iat', 'jti', 'events'],
      maxTokenAge: maxAgeSeconds,
      clockTolerance: 5,
      currentDate: new Date(clock()),
    })
    if (hasFiniteTimes(payload)) return payload
  } catch (cause) {
    throw refusal(cause)
  }
  throw refusal()
}

const refusal = (cause?: unknown) =>
  new Problem('invalid_request', { detail: 'This is no logout token for this service.', cause })
