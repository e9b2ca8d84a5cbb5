import type { JWTVerifyGetKey } from 'jose'
import * as oidc from 'openid-client'
import { createSigningKeys } from './signing-keys.js'

export interface IssuerOptions {
  /** The issuer's URL, as in `iss`. */
  issuer: string
  /** This service's own client; leave both out where nobody logs in. */
  clientId?: string
  clientSecret?: string
  /** Milliseconds since the epoch. Default: the system's clock. */
  clock?: () => number
  /** Aborts a question that takes longer. Default: `AbortSignal.timeout`. */
  timeout?: (ms: number) => AbortSignal
}

/** The identity provider as far as its discovery document tells, found at the first use and tried again after a failure. */
export interface Issuer {
  readonly issuer: string
  /** @throws when the identity provider cannot be reached */
  configuration(): Promise<oidc.Configuration>
  /**
   * What finds the key of a token; see `signing-keys.ts` for how long it knows one.
   * @throws when the identity provider was never reached
   */
  keys(): Promise<JWTVerifyGetKey>
  /** Asks it now, whatever is remembered. */
  isReachable(timeoutMs: number): Promise<boolean>
}

const requestTimeoutSeconds = 5
const retryAfterFailureMs = 1000

/** Nothing is asked until the first use: the embedded identity provider is not listening yet when this is made. */
export function createIssuer(options: IssuerOptions): Issuer {
  const { clock = Date.now, timeout = (ms) => AbortSignal.timeout(ms) } = options
  // The discovery document and the keys are asked for without a client; openid-client wants a name for one.
  const { clientId = 'none', clientSecret } = options
  const authentication = clientSecret === undefined ? oidc.None() : oidc.ClientSecretBasic(clientSecret)
  const url = new URL(options.issuer)
  const configuration = rememberSuccess(
    () =>
      oidc.discovery(url, clientId, undefined, authentication, {
        timeout: requestTimeoutSeconds,
        // Plain http is the operator's choice, as inside a cluster; openid-client refuses it by default.
        execute: url.protocol === 'http:' ? [oidc.allowInsecureRequests] : [],
      }),
    clock,
  )
  const keys = rememberSuccess(async () => {
    const { jwks_uri } = (await configuration()).serverMetadata()
    if (jwks_uri === undefined) throw new Error('The identity provider names no jwks_uri')
    return createSigningKeys({ url: new URL(jwks_uri), timeoutMs: requestTimeoutSeconds * 1000, clock })
  }, clock)

  return { issuer: options.issuer, configuration, keys, isReachable }

  async function isReachable(timeoutMs: number): Promise<boolean> {
    try {
      const document = `${options.issuer}/.well-known/openid-configuration`
      const answer = await fetch(document, { signal: timeout(timeoutMs), redirect: 'error' })
      await answer.body?.cancel()
      return answer.ok
    } catch {
      return false
    }
  }
}

/** One attempt at a time; a success is kept, a failure only long enough not to be a storm. */
function rememberSuccess<T>(attempt: () => Promise<T>, clock: () => number): () => Promise<T> {
  let current: Promise<T> | undefined
  let failedAt: number | undefined
  return () => {
    const mayTryAgain = failedAt !== undefined && Math.abs(clock() - failedAt) >= retryAfterFailureMs
    if (current !== undefined && !mayTryAgain) return current
    failedAt = undefined
    current = attempt()
    current.catch(() => {
      failedAt = clock()
    })
    return current
  }
}
