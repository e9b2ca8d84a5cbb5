/** oidc-provider ships no types; these are the parts that this room uses, and no more. */
declare module 'oidc-provider' {
  import type { IncomingMessage, ServerResponse } from 'node:http'
  import type { JWK } from 'jose'

  export interface Client {
    readonly clientId: string
    grantTypeAllowed(grantType: string): boolean
  }

  /** A code or token, as far as our callbacks look into one. */
  export interface Token {
    readonly accountId?: string
    readonly clientId: string
    /** The sign-in it came from. */
    readonly sessionUid?: string
  }

  export interface Grant {
    readonly accountId: string
    addOIDCScope(scope: string): void
    addResourceScope(resource: string, scope: string): void
    save(): Promise<string>
  }

  export interface Context {
    status: number
    type: string
    body: unknown
    set(name: string, value: string): void
    readonly oidc: {
      /** The name of the endpoint; undefined where there is none. */
      readonly route?: string
      readonly params?: Readonly<Record<string, string | undefined>>
      readonly client: Client
      readonly account?: Account
      readonly session: {
        readonly accountId?: string
        /** Whether the browser has brought none. */
        readonly new?: boolean
        /** Whether it is kept at the end. */
        touched: boolean
        /** What the forms of the device flow and of the sign-out prove that they are ours by. */
        readonly state?: { readonly secret: string }
        grantIdFor(clientId: string): string | undefined
      }
      readonly entities: { readonly IdTokenHint?: { readonly payload: { readonly sub?: string } } }
    }
  }

  export interface Account {
    accountId: string
    claims(): Promise<Record<string, unknown>>
  }

  export interface Adapter {
    upsert(id: string, payload: Record<string, unknown>, expiresInSeconds?: number): Promise<void>
    find(id: string): Promise<Record<string, unknown> | undefined>
    findByUid(uid: string): Promise<Record<string, unknown> | undefined>
    findByUserCode(userCode: string): Promise<Record<string, unknown> | undefined>
    consume(id: string): Promise<void>
    destroy(id: string): Promise<void>
    revokeByGrantId(grantId: string): Promise<void>
  }

  export interface ClientMetadata {
    client_id: string
    client_secret?: string
    /** `native`: redirects to a loopback address may name any port. Default: `web`. */
    application_type?: 'native' | 'web'
    token_endpoint_auth_method: 'client_secret_basic' | 'none'
    grant_types: string[]
    response_types: string[]
    redirect_uris: string[]
    post_logout_redirect_uris: string[]
  }

  export interface ResourceServer {
    scope: string
    audience: string
    accessTokenFormat: 'jwt'
    jwt: { sign: { alg: 'RS256' } }
  }

  interface CookieOptions {
    httpOnly?: boolean
    path?: string
    sameSite?: 'lax' | 'none' | 'strict'
  }

  export interface Configuration {
    adapter: (model: string) => Adapter
    claims: Record<string, string[]>
    clientAuthMethods: ClientMetadata['token_endpoint_auth_method'][]
    clientBasedCORS(context: Context, origin: string, client: Client): boolean
    clients: ClientMetadata[]
    cookies: { keys: string[]; long: CookieOptions; short: CookieOptions }
    discovery: Record<string, unknown>
    extraTokenClaims(context: Context, token: Token): Promise<Record<string, unknown>>
    features: {
      devInteractions: { enabled: boolean }
      deviceFlow: {
        enabled: boolean
        charset: 'base-20' | 'digits'
        mask: string
        deviceInfo(context: Context): Record<string, unknown>
        /** With `error` after a failure, whose status is set already. */
        userCodeInputSource(
          context: Context,
          form: string,
          out?: { error: string; error_description?: string },
          error?: Error,
        ): Promise<void>
        userCodeConfirmSource(
          context: Context,
          form: string,
          client: Client,
          deviceInfo: Record<string, unknown>,
          userCode: string,
        ): Promise<void>
        successSource(context: Context): Promise<void>
      }
      dPoP: { enabled: boolean }
      pushedAuthorizationRequests: { enabled: boolean }
      resourceIndicators: {
        enabled: boolean
        defaultResource(context: Context): Promise<string>
        useGrantedResource(context: Context): Promise<boolean>
        getResourceServerInfo(context: Context, resource: string): Promise<ResourceServer>
      }
      revocation: {
        enabled: boolean
        allowedPolicy(context: Context, client: Client, token: Token): Promise<boolean>
      }
      rpInitiatedLogout: {
        enabled: boolean
        logoutSource(context: Context, form: string): Promise<void>
        postLogoutSuccessSource(context: Context): Promise<void>
      }
      userinfo: { enabled: boolean }
    }
    findAccount(context: Context, sub: string, token?: Token): Promise<Account | undefined>
    formats: {
      customizers: {
        jwt(context: Context, token: Token, jwt: { header?: Record<string, unknown> }): void
      }
    }
    interactions: {
      policy: interactionPolicy.Policy
      url(context: Context, interaction: { uid: string }): string
    }
    issueRefreshToken(context: Context, client: Client): Promise<boolean>
    jwks: { keys: JWK[] }
    loadExistingGrant(context: Context): Promise<Grant>
    renderError(
      context: Context,
      out: { error: string; error_description?: string },
      error: Error,
    ): Promise<void>
    routes: Record<string, string>
    responseTypes: string[]
    scopes: string[]
    ttl: Record<string, number>
  }

  export interface Interaction {
    readonly uid: string
    readonly prompt: { readonly name: string }
    readonly params: {
      readonly client_id: string
      readonly login_hint?: string
      /** The device flow has none. */
      readonly redirect_uri?: string
    }
  }

  export interface InteractionResult {
    login?: { accountId: string }
    consent?: Record<string, never>
  }

  export default class Provider {
    constructor(issuer: string, configuration: Configuration)
    /** Whether the X-Forwarded-* headers are believed. */
    proxy: boolean
    readonly Client: { find(id: string): Promise<Client | undefined> }
    readonly Grant: {
      new (of: { clientId: string; accountId: string }): Grant
      find(id: string): Promise<Grant | undefined>
    }
    callback(): (request: IncomingMessage, response: ServerResponse) => Promise<void>
    /** Around every endpoint; after `next` the answer is there, a refusal too. */
    use(middleware: (context: Context, next: () => Promise<void>) => Promise<void>): this
    on(event: 'error', listener: (error: Error) => void): this
    on(event: 'server_error', listener: (context: Context, error: Error) => void): this
    interactionDetails(request: IncomingMessage, response: ServerResponse): Promise<Interaction>
    /** Stores the result; answers where the browser goes next. */
    interactionResult(
      request: IncomingMessage,
      response: ServerResponse,
      result: InteractionResult,
      options: { mergeWithLastSubmission: boolean },
    ): Promise<string>
  }

  export namespace errors {
    class InvalidTarget extends Error {}
    class SessionNotFound extends Error {}
  }

  export namespace interactionPolicy {
    class Check {
      constructor(reason: string, description: string, check: (context: Context) => boolean)
    }
    interface Prompt {
      checks: { add(check: Check): void }
    }
    interface Policy {
      get(name: 'login' | 'consent'): Prompt | undefined
    }
    function base(): Policy
  }
}
