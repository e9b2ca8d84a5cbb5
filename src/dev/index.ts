// Only for the type of `schema.hide`.
import type {} from '@fastify/swagger'
import type { FastifyError, FastifyInstance } from 'fastify'
import type { JWK } from 'jose'
import type { ClientMetadata } from 'oidc-provider'
import { type DevelopmentAccount, developmentAccounts } from './accounts.js'
import { deviceGrantType } from './device.js'
import { setSecurityHeaders } from './headers.js'
import { type Locations, locate } from './locations.js'
import { mountProvider } from './mount.js'
import { errorPage } from './pages.js'
import { createProvider } from './provider.js'
import { addSignInForm, type SignInOptions, sendPage } from './sign-in.js'
import { addTokenEndpoints } from './tokens.js'

export { type DevelopmentAccount, developmentAccounts } from './accounts.js'
export { embeddedIssuer, embeddedPrefix } from './locations.js'
export type { SignInRateDecision } from './sign-in.js'
export { generateSigningKey } from './signing-key.js'

export interface EmbeddedIdentityProviderOptions {
  /** Where people reach the service, without a trailing slash; its path is one that a proxy strips. */
  publicUrl: string
  /** The service's own confidential client. Its id is also the audience of access tokens. */
  serviceClient: { id: string; secret: string }
  /** The public client of Swagger UI; PKCE is required of it. */
  swaggerClientId: string
  /** The public client of the command line: code flow on a loopback port, device flow; PKCE is required of it. */
  cliClientId: string
  /** Realm role of those accounts that are administrators. */
  adminRole: string
  /** Private RS256 key, for example from `generateSigningKey`. */
  signingKey: JWK
  /** Read at every use, so an account may be disabled at any time. Default: `developmentAccounts`. */
  accounts?: readonly DevelopmentAccount[]
  /** Origins whose scripts may call the token endpoint. Default: the one of `publicUrl`. */
  allowedOrigins?: string[]
  /** Asked at each attempt to sign in. Default: every attempt is allowed. */
  signInRate?: SignInOptions['signInRate']
}

/**
 * An identity provider in the shape of Keycloak, for a machine that has none: a realm `latchkey` below
 * `<publicUrl><prefix>`. Register it with `{ prefix: embeddedPrefix }`. Its passwords are public, so never
 * where others can reach it; whether that is so is for the caller to check.
 */
export async function embeddedIdentityProvider(
  app: FastifyInstance,
  options: EmbeddedIdentityProviderOptions,
) {
  const { publicUrl, serviceClient, accounts = developmentAccounts, signingKey, adminRole } = options
  const locations = locate(publicUrl, app.prefix)
  const allowedOrigins = new Set(options.allowedOrigins ?? [locations.origin])
  const names = { adminRole, serviceClientId: serviceClient.id }
  const { log } = app
  const clients = describeClients(options)
  const realm = { locations, accounts, clients, names, signingKey, allowedOrigins, log }
  const provider = await createProvider(realm)

  app.addHook('onRoute', (route) => {
    route.schema = { ...route.schema, hide: true }
  })
  app.addHook('onRequest', async (_request, reply) => setSecurityHeaders(reply, locations.origin))
  showErrors(app, locations)

  const signInRate = options.signInRate ?? (() => ({ allowed: true, retryAfterSeconds: 0 }))
  await app.register(mountProvider, { provider, locations, allowedOrigins, signInRate })
  await app.register(async (forms) => {
    readForms(forms)
    await addSignInForm(forms, { provider, locations, accounts, signInRate })
    await addTokenEndpoints(forms, { locations, accounts, names, serviceClient, signingKey })
  })
}

function describeClients(options: EmbeddedIdentityProviderOptions): ClientMetadata[] {
  const { publicUrl, serviceClient, swaggerClientId, cliClientId } = options
  const codeFlow = { response_types: ['code'], grant_types: ['authorization_code', 'refresh_token'] }
  return [
    {
      ...codeFlow,
      client_id: serviceClient.id,
      client_secret: serviceClient.secret,
      token_endpoint_auth_method: 'client_secret_basic',
      redirect_uris: [`${publicUrl}/auth/callback`],
      post_logout_redirect_uris: [`${publicUrl}/`, `${publicUrl}/auth/login`],
    },
    {
      ...codeFlow,
      client_id: swaggerClientId,
      token_endpoint_auth_method: 'none',
      redirect_uris: [`${publicUrl}/docs/static/oauth2-redirect.html`],
      post_logout_redirect_uris: [],
    },
    {
      ...codeFlow,
      grant_types: [...codeFlow.grant_types, deviceGrantType],
      client_id: cliClientId,
      // RFC 8252 §7.3: any port of the loopback address.
      application_type: 'native',
      token_endpoint_auth_method: 'none',
      redirect_uris: ['http://127.0.0.1/callback'],
      post_logout_redirect_uris: [],
    },
  ]
}

/** Forms of this room are small and of one kind, whatever the service around it reads. */
function readForms(scope: FastifyInstance) {
  scope.removeAllContentTypeParsers()
  scope.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'string', bodyLimit: 10_000 },
    (_request, body, done) => done(null, new URLSearchParams(body.toString())),
  )
}

function showErrors(app: FastifyInstance, { startAgain }: Locations) {
  app.setErrorHandler<FastifyError>((error, request, reply) => {
    const status = error.statusCode ?? 500
    if (status < 500) return sendPage(reply, status, errorPage('Sign-in failed', error.message, startAgain))
    request.log.error({ err: error }, 'embedded identity provider: server error')
    return sendPage(reply, 500, errorPage('Sign-in failed', 'Something went wrong here.', startAgain))
  })
}
