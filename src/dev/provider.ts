import { randomBytes } from 'node:crypto'
import type { FastifyBaseLogger } from 'fastify'
import type { JWK } from 'jose'
import type Provider from 'oidc-provider'
import type { Account, ClientMetadata, Configuration, Context, interactionPolicy } from 'oidc-provider'
import { type DevelopmentAccount, findEnabledAccount } from './accounts.js'
import { describePerson, describeToken, listClaimNames, type RoleNames } from './claims.js'
import { describeDeviceFlow, pacePolling } from './device.js'
import { contentSecurityPolicy } from './headers.js'
import { loadProvider } from './load-provider.js'
import { endpoints, type Locations } from './locations.js'
import { confirmSignOutPage, errorPage, signedOutPage, signingOutPage } from './pages.js'
import { createStorage } from './storage.js'

const scopes = ['openid', 'profile', 'email', 'offline_access']
const [tokenLifetimeSeconds, sessionLifetimeSeconds, deviceCodeLifetimeSeconds] = [
  5 * 60,
  10 * 60 * 60,
  10 * 60,
]

/** What one embedded identity provider consists of. */
export interface Realm {
  locations: Locations
  accounts: readonly DevelopmentAccount[]
  clients: ClientMetadata[]
  names: RoleNames
  signingKey: JWK
  allowedOrigins: ReadonlySet<string>
  log: FastifyBaseLogger
}

/** Makes the oidc-provider of a realm, with storage of its own. It still has to be mounted. */
export async function createProvider(realm: Realm): Promise<Provider> {
  const { default: OidcProvider, errors, interactionPolicy } = await loadProvider()
  // RFC 8707 wants a URI, Keycloak's audience is a plain name: the one stands for the other.
  const resource = `urn:latchkey:${encodeURIComponent(realm.names.serviceClientId)}`

  const provider: Provider = new OidcProvider(realm.locations.issuer.href, {
    ...describeProtocol(realm),
    ...describePeople(realm),
    interactions: {
      policy: askAgainWhenDisabled(interactionPolicy),
      url: (_context, { uid }) => realm.locations.signInPath(uid),
    },
    // Nobody is asked to consent: whoever signs in grants all there is, as in a Keycloak realm of one's own.
    loadExistingGrant: (context) => findOrMakeGrant(provider, context, resource),
    features: {
      ...describePages(realm.locations),
      deviceFlow: describeDeviceFlow(realm.locations),
      devInteractions: { enabled: false },
      dPoP: { enabled: false },
      pushedAuthorizationRequests: { enabled: false },
      // Its own refuses access tokens that are JWTs; tokens.ts answers instead.
      userinfo: { enabled: false },
      revocation: {
        enabled: true,
        allowedPolicy: async (_context, client, token) => token.clientId === client.clientId,
      },
      // The only way to make it issue access tokens as JWTs.
      resourceIndicators: {
        enabled: true,
        defaultResource: async () => resource,
        useGrantedResource: async () => true,
        getResourceServerInfo: async (_context, asked) => {
          if (asked !== resource) throw new errors.InvalidTarget()
          return describeApi(realm.names.serviceClientId)
        },
      },
    },
  })
  pacePolling(provider)
  logFaults(provider, realm.log)
  for (const { client_id } of realm.clients) await checkClient(provider, client_id)
  return provider
}

function describeProtocol({ locations, clients, signingKey, allowedOrigins }: Realm) {
  const cookie = { httpOnly: true, sameSite: 'lax' } as const
  return {
    adapter: createStorage(),
    clients,
    clientAuthMethods: ['client_secret_basic', 'none'],
    clientBasedCORS: (_context, origin) => allowedOrigins.has(origin),
    cookies: {
      keys: [randomBytes(32).toString('hex')],
      long: { ...cookie, path: locations.issuer.pathname },
      short: cookie,
    },
    discovery: {
      userinfo_endpoint: locations.issuer.href + endpoints.userinfo,
      introspection_endpoint: locations.issuer.href + endpoints.introspection,
    },
    formats: {
      customizers: {
        jwt(_context, _token, jwt) {
          // As Keycloak has it, in place of RFC 9068's at+jwt.
          jwt.header = { typ: 'JWT' }
        },
      },
    },
    // Keycloak gives one to whoever may use it, without the scope offline_access.
    issueRefreshToken: async (_context, client) => client.grantTypeAllowed('refresh_token'),
    jwks: { keys: [signingKey] },
    renderError: async (context, out) => {
      context.type = 'html'
      context.body = errorPage('Sign-in failed', out.error_description ?? out.error, locations.startAgain)
    },
    routes: {
      authorization: endpoints.authorization,
      code_verification: endpoints.device,
      device_authorization: endpoints.deviceAuthorization,
      token: endpoints.token,
      jwks: endpoints.jwks,
      revocation: endpoints.revocation,
      end_session: endpoints.endSession,
    },
    responseTypes: ['code'],
    scopes,
    ttl: {
      AccessToken: tokenLifetimeSeconds,
      AuthorizationCode: 60,
      DeviceCode: deviceCodeLifetimeSeconds,
      Grant: sessionLifetimeSeconds,
      IdToken: tokenLifetimeSeconds,
      Interaction: 30 * 60,
      RefreshToken: sessionLifetimeSeconds,
      Session: sessionLifetimeSeconds,
    },
  } satisfies Partial<Configuration>
}

function describePeople({ accounts, names }: Realm) {
  return {
    claims: { openid: listClaimNames(accounts) },
    async extraTokenClaims(_context, token) {
      const account = token.accountId === undefined ? null : findEnabledAccount(accounts, token.accountId)
      if (account === null) return {}
      return {
        ...describePerson(account, names),
        ...describeToken('Bearer', token.clientId, token.sessionUid),
      }
    },
    async findAccount(context, sub, token): Promise<Account | undefined> {
      const account = findEnabledAccount(accounts, sub)
      if (account === null) return undefined
      const claims = async () => ({
        ...describePerson(account, names),
        ...describeToken('ID', context.oidc.client.clientId, token?.sessionUid),
      })
      return { accountId: sub, claims }
    },
  } satisfies Partial<Configuration>
}

function describePages({ home, origin }: Locations) {
  return {
    rpInitiatedLogout: {
      enabled: true,
      async logoutSource(context, form) {
        context.type = 'html'
        if (!knowsWhoSignsOut(context)) {
          context.body = confirmSignOutPage(form, home)
          return
        }
        context.set('content-security-policy', contentSecurityPolicy(origin, { runsScript: true }))
        context.body = signingOutPage(form)
      },
      async postLogoutSuccessSource(context) {
        context.type = 'html'
        context.body = signedOutPage(home)
      },
    },
  } satisfies Partial<Configuration['features']>
}

/** Only this person's own client holds their ID token; without it any page could sign people out by a link. */
function knowsWhoSignsOut({ oidc }: Context): boolean {
  const { sub } = oidc.entities.IdTokenHint?.payload ?? {}
  return sub !== undefined && sub === oidc.session.accountId
}

function describeApi(audience: string) {
  return {
    scope: scopes.join(' '),
    audience,
    accessTokenFormat: 'jwt',
    jwt: { sign: { alg: 'RS256' } },
  } as const
}

/** Without this check oidc-provider would fail on a session whose owner has been disabled. */
function askAgainWhenDisabled({ base, Check }: typeof interactionPolicy) {
  const policy = base()
  const isGone = ({ oidc }: Context) => oidc.session.accountId !== undefined && oidc.account === undefined
  policy.get('login')?.checks.add(new Check('account_gone', 'The account cannot be used any more', isGone))
  return policy
}

async function findOrMakeGrant(provider: Provider, { oidc }: Context, resource: string) {
  const { clientId } = oidc.client
  const accountId = oidc.account?.accountId ?? ''
  const grantId = oidc.session.grantIdFor(clientId)
  const known = grantId === undefined ? undefined : await provider.Grant.find(grantId)
  if (known?.accountId === accountId) return known

  const grant = new provider.Grant({ clientId, accountId })
  grant.addOIDCScope(scopes.join(' '))
  grant.addResourceScope(resource, scopes.join(' '))
  await grant.save()
  return grant
}

/** Clients are validated when first looked up; a bad one should fail the start, not the first login. */
async function checkClient(provider: Provider, clientId: string) {
  try {
    await provider.Client.find(clientId)
  } catch (cause) {
    const reason = cause instanceof Error && 'error_description' in cause ? cause.error_description : cause
    throw new Error(`The embedded identity provider cannot have the client ${clientId}: ${reason}`, { cause })
  }
}

/** Refusals are not logged: their details would hold codes and tokens. */
function logFaults(provider: Provider, log: FastifyBaseLogger) {
  const logFault = (err: Error) => log.error({ err }, 'embedded identity provider: server error')
  provider.on('server_error', (_context, err) => logFault(err))
  // Without a listener Koa would write to the console.
  provider.on('error', logFault)
}
