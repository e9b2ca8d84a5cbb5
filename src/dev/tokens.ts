import type { FastifyInstance, FastifyRequest } from 'fastify'
import { createLocalJWKSet, errors, type JWK, type JWTPayload, jwtVerify } from 'jose'
import { type DevelopmentAccount, findEnabledAccount } from './accounts.js'
import { describePerson, type RoleNames } from './claims.js'
import { endpoints, type Locations, realmPath } from './locations.js'
import { publicKeyOf } from './signing-key.js'

export interface TokenOptions {
  locations: Locations
  accounts: readonly DevelopmentAccount[]
  names: RoleNames
  serviceClient: { id: string; secret: string }
  signingKey: JWK
}

/**
 * Userinfo and introspection of access tokens, which are JWTs here as in Keycloak and which oidc-provider
 * refuses at both. Introspection calls a refresh token inactive.
 */
export async function addTokenEndpoints(scope: FastifyInstance, options: TokenOptions) {
  const { names, serviceClient } = options
  const findOwner = createOwnerFinder(options)

  scope.route({
    method: ['GET', 'POST'],
    url: realmPath + endpoints.userinfo,
    handler: async (request, reply) => {
      const owner = await findOwner(readBearer(request))
      if (owner !== null) return describePerson(owner.account, names)
      reply.code(401).header('www-authenticate', 'Bearer error="invalid_token"')
      return { error: 'invalid_token', error_description: 'Token verification failed' }
    },
  })

  scope.post<{ Body?: URLSearchParams }>(realmPath + endpoints.introspection, async (request, reply) => {
    if (!isServiceClient(request, serviceClient)) {
      reply.code(401).header('www-authenticate', 'Basic realm="latchkey"')
      return { error: 'invalid_client', error_description: 'Client authentication failed' }
    }
    const owner = await findOwner(request.body?.get('token') ?? '')
    if (owner === null) return { active: false }
    const { azp, preferred_username } = owner.payload
    return {
      ...owner.payload,
      client_id: azp,
      username: preferred_username,
      token_type: 'Bearer',
      active: true,
    }
  })
}

interface Owner {
  account: DevelopmentAccount
  payload: JWTPayload
}

/** Finds whose access token this is; `null` for a bad one, another kind of token, and a disabled owner. */
function createOwnerFinder({ locations, accounts, signingKey }: TokenOptions) {
  const keys = createLocalJWKSet({ keys: [publicKeyOf(signingKey)] })
  return async (token: string): Promise<Owner | null> => {
    const payload = await verify(token)
    if (payload?.typ !== 'Bearer' || payload.sub === undefined) return null
    const account = findEnabledAccount(accounts, payload.sub)
    return account && { account, payload }
  }

  async function verify(token: string): Promise<JWTPayload | null> {
    try {
      const issuer = locations.issuer.href
      return (await jwtVerify(token, keys, { issuer, algorithms: ['RS256'] })).payload
    } catch (error) {
      if (error instanceof errors.JOSEError) return null
      throw error
    }
  }
}

const readBearer = ({ headers }: FastifyRequest) =>
  /^Bearer (\S+)$/i.exec(headers.authorization ?? '')?.[1] ?? ''

function isServiceClient({ headers }: FastifyRequest, client: { id: string; secret: string }): boolean {
  const encoded = /^Basic (\S+)$/i.exec(headers.authorization ?? '')?.[1] ?? ''
  const [id = '', ...secret] = Buffer.from(encoded, 'base64').toString().split(':')
  return decodeForm(id) === client.id && decodeForm(secret.join(':')) === client.secret
}

/** RFC 6749 §2.3.1: both halves are form-encoded before they are joined. */
function decodeForm(text: string): string | null {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return null
  }
}
