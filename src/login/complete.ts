import type { FastifyRequest } from 'fastify'
import * as oidc from 'openid-client'
import { type ReportRole, readFacts, readKnownAt } from '../auth/claims.js'
import type { OwnerWatch } from '../auth/owner-watch.js'
import { hasFiniteTimes, isSubject } from '../auth/token-rules.js'
import type { Verify } from '../auth/types.js'
import { Problem, type ProblemDetails } from '../problems/problem.js'
import type { Database } from '../store/database.js'
import { lockOwner, type OwnerFacts, rememberOwner } from '../store/owners.js'
import { insertSession } from '../store/sessions.js'
import type { PendingLogin } from './pending.js'
import { asPrincipal, hashSessionId } from './sessions.js'

export interface ReturnedLogin {
  url: URL
  state: string | undefined
}

export interface CompleteLoginOptions {
  db: Database
  owners: OwnerWatch
  /** Names of the claims that are kept as the person's attributes. */
  attributes: readonly string[]
  /** Called with each role that is left out of the rights. */
  reportRole: ReportRole
  /** Called when what is known of an owner changed. */
  invalidateOwner: (subject: string) => void
  configuration: oidc.Configuration
  verifyToken: Verify
  sessionLifetimeMs: number
  clock: () => number
}

/** A login that ends without a session; the ledger has it. */
export class LoginRefused extends Problem {
  /** @param person who would have been logged in, where that is known */
  constructor(
    details: ProblemDetails = {},
    readonly person: { subject: string; login: string } | null = null,
  ) {
    super('login_failed', details)
  }
}

/** What the access token tells better than the ID token. */
type Told = Partial<Pick<OwnerFacts, 'rights' | 'attributes'>>

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
  if (claims === undefined || !hasFiniteTimes(claims) || !isSubject(claims.sub)) {
    throw new LoginRefused({
      cause: new Error('The ID token has no sub that can name a person, or an infinite time'),
    })
  }
  const told = await readAccessToken(tokens, options.verifyToken)
  const facts = readFacts(claims, options.attributes, options.reportRole)
  const { subject } = facts
  // Enabled a moment ago, perhaps: the identity provider has just let them in.
  if (options.owners.isDisabled(subject)) await options.owners.look(subject)

  await request.session.regenerate()
  const now = new Date(options.clock())
  let isChanged = false
  const owner = await options.db
    .write(async (tx) => {
      isChanged = await rememberOwner(
        tx,
        { ...facts, ...told, knownAt: readKnownAt(claims.iat, now.getTime()) },
        { keepAttributes: options.owners.follows() !== false },
      )
      const owner = await lockOwner(tx, subject)
      if (owner?.enabled !== true || options.owners.isDisabled(subject)) return null
      await insertSession(tx, {
        idHash: hashSessionId(request.session.sessionId),
        subject,
        issuerSid: typeof claims.sid === 'string' ? claims.sid : null,
        data: {},
        createdAt: now,
        expiresAt: new Date(now.getTime() + options.sessionLifetimeMs),
      })
      return owner
    })
    .finally(() => {
      // Also where nobody knows whether it was done.
      if (isChanged) options.invalidateOwner(subject)
    })
  if (owner === null) throw new LoginRefused({ detail: 'This account is disabled here.' }, facts)
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
    throw isRefusal(cause) ? new LoginRefused({ cause }) : issuerAway(cause)
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
 * @returns nothing when the access token is not one that this service can read
 */
async function readAccessToken(tokens: Tokens, verifyToken: Verify): Promise<Told> {
  // The identity provider sent it, not the browser: what a bad script behind the same address is refused for
  // must not cost this person their rights.
  const verdict = await verifyToken(tokens.access_token, 'the identity provider')
  switch (verdict.kind) {
    case 'accepted':
      return { rights: verdict.principal.roles, attributes: verdict.principal.attributes }
    case 'refused':
      return {}
    case 'throttled':
      throw new Problem('unavailable')
    case 'unavailable':
      throw new Problem('unavailable', { cause: verdict.cause })
    default:
      return verdict satisfies never
  }
}
