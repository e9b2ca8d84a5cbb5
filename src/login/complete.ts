import type { FastifyRequest } from 'fastify'
import * as oidc from 'openid-client'
import { readFacts } from '../auth/claims.js'
import type { Verify } from '../auth/types.js'
import { Problem } from '../errors.js'
import type { Database } from '../store/database.js'
import { lockOwner, rememberOwner } from '../store/owners.js'
import { insertSession } from '../store/sessions.js'
import type { PendingLogin } from './pending.js'
import { asPrincipal, hashSessionId } from './sessions.js'

export interface ReturnedLogin {
  url: URL
  state: string | undefined
}

export interface CompleteLoginOptions {
  db: Database
  configuration: oidc.Configuration
  verifyToken: Verify
  sessionLifetimeMs: number
  clock: () => number
}

type Tokens = Awaited<ReturnType<typeof oidc.authorizationCodeGrant>>

/**
 * Turns the code into a session: whoever was logged in before is not any more, and the session has a new id, so
 * that one planted in this browser before is worth nothing.
 * @throws Problem login_failed, unavailable
 */
export async function completeLogin(
  request: FastifyRequest,
  options: CompleteLoginOptions,
  { login, returned }: { login: PendingLogin; returned: ReturnedLogin },
): Promise<void> {
  const tokens = await exchangeCode(options.configuration, login, returned)
  const claims = tokens.claims()
  if (claims === undefined) throw new Problem('login_failed')
  const rights = await readRights(tokens, options.verifyToken)
  const facts = readFacts(claims)

  await request.session.regenerate()
  const now = new Date(options.clock())
  const owner = await options.db.write(async (tx) => {
    await rememberOwner(tx, {
      ...facts,
      rights: rights ?? facts.rights,
      knownAt: new Date(claims.iat * 1000),
    })
    const owner = await lockOwner(tx, claims.sub)
    if (owner?.enabled !== true) return null
    await insertSession(tx, {
      idHash: hashSessionId(request.session.sessionId),
      subject: claims.sub,
      issuerSid: typeof claims.sid === 'string' ? claims.sid : null,
      data: {},
      createdAt: now,
      expiresAt: new Date(now.getTime() + options.sessionLifetimeMs),
    })
    return owner
  })
  if (owner === null) throw new Problem('login_failed', { detail: 'This account is disabled here.' })
  request.session.principal = asPrincipal(owner)
  if (tokens.id_token !== undefined) request.session.idToken = tokens.id_token
}

async function exchangeCode(
  configuration: oidc.Configuration,
  login: PendingLogin,
  { url }: ReturnedLogin,
): Promise<Tokens> {
  try {
    return await oidc.authorizationCodeGrant(configuration, url, {
      pkceCodeVerifier: login.codeVerifier,
      expectedState: login.state,
      expectedNonce: login.nonce,
      idTokenExpected: true,
    })
  } catch (cause) {
    throw isRefusal(cause) ? new Problem('login_failed', { cause }) : issuerAway(cause)
  }
}

/** Nobody can log in for the moment, and a person should read why. */
export const issuerAway = (cause: unknown) =>
  new Problem('unavailable', { detail: 'The identity provider does not answer: try again soon.', cause })

/** Whether the identity provider, or the check of its answer, said no; anything else is a fault on the way. */
function isRefusal(error: unknown): boolean {
  if (error instanceof oidc.AuthorizationResponseError) return true
  if (error instanceof oidc.ResponseBodyError) return error.status < 500
  return (
    error instanceof oidc.ClientError &&
    error.code !== 'OAUTH_TIMEOUT' &&
    error.code !== 'OAUTH_RESPONSE_IS_NOT_CONFORM'
  )
}

/**
 * Keycloak tells roles in the access token, and in the ID token only where a mapper says so.
 * @returns null when the access token is not one that this service can read
 */
async function readRights(tokens: Tokens, verifyToken: Verify): Promise<readonly string[] | null> {
  // The identity provider sent it, not the browser: what a bad script behind the same address is refused for
  // must not cost this person their rights.
  const verdict = await verifyToken(tokens.access_token, 'the identity provider')
  switch (verdict.kind) {
    case 'accepted':
      return verdict.principal.roles
    case 'refused':
      return null
    case 'throttled':
      throw new Problem('unavailable')
    case 'unavailable':
      throw new Problem('unavailable', { cause: verdict.cause })
    default:
      return verdict satisfies never
  }
}
