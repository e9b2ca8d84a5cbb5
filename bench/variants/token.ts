import { importJWK, type JWK, SignJWT } from 'jose'

export const audience = 'latchkey'
const alice = '11111111-1111-4111-8111-111111111111'

/** An access token with the claims and so the length of Keycloak's. */
export async function signToken(signingKey: JWK, issuer: string, subject = alice): Promise<string> {
  const claims = {
    jti: 'onrtac:1f0b5c86-4c5f-4c0a-9d7f-6a7b8c9d0e1f',
    aud: [audience, 'account'],
    typ: 'Bearer',
    azp: audience,
    sid: '5b1f4c52-7d1e-4a54-8a51-0f7f4d1c2b3a',
    acr: '1',
    'allowed-origins': ['https://portal.example.org'],
    realm_access: { roles: ['offline_access', 'default-roles-rspy', 'uma_authorization', 'rspy-user'] },
    resource_access: {
      [audience]: { roles: ['catalog_read', 'catalog_write'] },
      account: { roles: ['manage-account', 'manage-account-links', 'view-profile'] },
    },
    scope: 'openid email profile',
    email_verified: true,
    name: 'Alice Example',
    preferred_username: 'alice',
    given_name: 'Alice',
    family_name: 'Example',
    email: 'alice@example.org',
  }
  const { kid = '' } = signingKey
  return new SignJWT(claims)
    .setProtectedHeader({ alg: 'RS256', typ: 'JWT', kid })
    .setIssuer(issuer)
    .setSubject(subject)
    .setIssuedAt()
    .setExpirationTime('1h')
    .sign(await importJWK(signingKey, 'RS256'))
}
