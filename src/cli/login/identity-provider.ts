import type * as OpenidClient from 'openid-client'
import { describeCause } from '../cause-code.js'
import { CommandFailed, exitCodes } from '../exit-codes.js'
import { printable, type Terminal } from '../terminal.js'
import { adviseLogin, type KnownService, type StoredLogin } from './stored-login.js'

/** Who logs people in for a service, as this program talks to it. */
export interface IdentityProvider {
  readonly issuer: string
  readonly openid: typeof OpenidClient
  readonly configuration: OpenidClient.Configuration
}

const timeoutSeconds = 10

/** Gets to know the issuer of the profile. @throws CommandFailed where it is away, or another one */
export async function discoverProvider({
  profile,
}: Pick<KnownService, 'profile'>): Promise<IdentityProvider> {
  if (profile.login === null) {
    throw new CommandFailed(exitCodes.usage, `nobody logs in at ${profile.url}: ${adviseLogin({ profile })}`)
  }
  const openid = await import('openid-client')
  const { issuer, clientId } = profile.login
  // Whoever made the profile was asked about plain http; an https issuer may not name endpoints without it.
  const isPlain = new URL(issuer).protocol === 'http:'
  const configuration = await explainFailure(
    issuer,
    openid.discovery(new URL(issuer), clientId, undefined, openid.None(), {
      timeout: timeoutSeconds,
      execute: isPlain ? [openid.allowInsecureRequests] : [],
    }),
  )
  return { issuer, openid, configuration }
}

/** How a login is stored. */
export function storeTokens(
  { clock }: Pick<Terminal, 'clock'>,
  tokens: OpenidClient.TokenEndpointResponse,
  previousRefreshToken: string | null = null,
): StoredLogin {
  const obtainedAt = clock()
  return {
    accessToken: tokens.access_token,
    // RFC 6749 §6: where none comes the one that was sent stays good.
    refreshToken: tokens.refresh_token ?? previousRefreshToken,
    obtainedAt,
    // RFC 6749 §5.1 only recommends to tell.
    expiresAt: obtainedAt + (tokens.expires_in ?? 60) * 1000,
  }
}

/** The refusal of an identity provider, by the name that RFC 6749 and 8628 have for it. */
export class LoginRefused extends CommandFailed {
  constructor(
    readonly error: string,
    message: string,
  ) {
    super(exitCodes.refused, message)
  }
}

/** Says in a sentence why an identity provider gives no answer. @throws CommandFailed, LoginRefused */
export async function explainFailure<T>(issuer: string, answer: Promise<T>): Promise<T> {
  try {
    return await answer
  } catch (failure) {
    if (failure instanceof CommandFailed) throw failure
    throw nameFailure(issuer, failure)
  }
}

function nameFailure(issuer: string, failure: unknown): CommandFailed {
  const {
    error,
    error_description: description,
    code,
    message,
  } = failure as {
    [member in 'error' | 'error_description' | 'code' | 'message']?: unknown
  }
  if (typeof error === 'string') {
    const why = typeof description === 'string' ? `${error}: ${description}` : error
    return new LoginRefused(error, printable(`the identity provider says ${why}`))
  }
  const isAway = failure instanceof TypeError || code === 'OAUTH_TIMEOUT'
  const fault = isAway ? `cannot be reached${describeCause(failure)}` : `does not answer as one (${message})`
  return new CommandFailed(exitCodes.unavailable, printable(`the identity provider ${issuer} ${fault}`))
}
