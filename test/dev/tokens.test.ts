import { createRemoteJWKSet, decodeJwt, jwtVerify } from 'jose'
import * as oidc from 'openid-client'
import { expect, test } from 'vitest'
import { generateSigningKey } from '../../src/dev/index.js'
import { createBrowser, signIn } from '../support/browser-flow.js'
import { expectNothingInternal } from './expectations.js'
import { aWorld, beginLogin, logIn, serviceClient, stop, swaggerClientId, type World } from './world.js'

const alice = { username: 'alice', password: 'alice-pw' }

test('discovery has the shape of a Keycloak realm', async () => {
  const world = await aWorld()

  const response = await fetch(`${world.issuer}/.well-known/openid-configuration`)

  expect(response.status).toBe(200)
  const protocol = `${world.publicUrl}/dev-idp/realms/latchkey/protocol/openid-connect`
  expect(await response.json()).toMatchObject({
    issuer: `${world.publicUrl}/dev-idp/realms/latchkey`,
    authorization_endpoint: `${protocol}/auth`,
    token_endpoint: `${protocol}/token`,
    jwks_uri: `${protocol}/certs`,
    userinfo_endpoint: `${protocol}/userinfo`,
    introspection_endpoint: `${protocol}/token/introspect`,
    end_session_endpoint: `${protocol}/logout`,
    revocation_endpoint: `${protocol}/revoke`,
    response_types_supported: ['code'],
    code_challenge_methods_supported: ['S256'],
    id_token_signing_alg_values_supported: ['RS256'],
    device_authorization_endpoint: `${protocol}/auth/device`,
    grant_types_supported: [
      'authorization_code',
      'refresh_token',
      'urn:ietf:params:oauth:grant-type:device_code',
    ],
  })
})

test('the published keys hold nothing private', async () => {
  const world = await aWorld()

  const response = await fetch(world.endpoint('certs'))

  const { keys } = (await response.json()) as { keys: Record<string, unknown>[] }
  expect(keys).toHaveLength(1)
  expect(Object.keys(keys[0] ?? {}).sort()).toEqual(['alg', 'e', 'kid', 'kty', 'n', 'use'])
})

test('a login gives an access token with the claims of Keycloak', async () => {
  const world = await aWorld()

  const { tokens } = await logIn(world)

  const payload = await verify(world, tokens.access_token, serviceClient.id)
  expect(payload).toMatchObject({
    typ: 'Bearer',
    azp: serviceClient.id,
    sub: '11111111-1111-4111-8111-111111111111',
    preferred_username: 'alice',
    name: 'Alice Liddell',
    email: 'alice@example.test',
    realm_access: { roles: ['rspy-user', 'latchkey-admin'] },
    resource_access: { [serviceClient.id]: { roles: ['catalog_read', 'catalog_write'] } },
    department: 'ops',
    scope: 'openid profile email',
    sid: expect.any(String),
  })
  expect(payload.exp).toBe((payload.iat ?? 0) + 300)
  expect(JSON.stringify(payload)).not.toContain('alice-pw')
})

test('a login gives an ID token that cannot be taken for an access token', async () => {
  const world = await aWorld()

  const { tokens } = await logIn(world, { username: 'bob', password: 'bob-pw' })

  const payload = await verify(world, tokens.id_token ?? '', serviceClient.id)
  expect(payload).toMatchObject({
    typ: 'ID',
    azp: serviceClient.id,
    sub: '22222222-2222-4222-8222-222222222222',
    preferred_username: 'bob',
    name: 'Bob Builder',
    email: 'bob@example.test',
    realm_access: { roles: ['rspy-user'] },
    resource_access: { [serviceClient.id]: { roles: ['catalog_read'] } },
    department: 'sales',
    auth_time: expect.any(Number),
    sid: decodeJwt(tokens.access_token).sid,
  })
  expect(JSON.stringify(payload)).not.toContain('bob-pw')
})

test('the scope openid alone brings the same claims, as Keycloak’s default scopes do', async () => {
  const world = await aWorld()

  const { tokens } = await logIn(world, { parameters: { scope: 'openid' } })

  expect(tokens.claims()).toMatchObject({ preferred_username: 'alice', email: 'alice@example.test' })
})

test('groups are told when the account has them', async () => {
  const world = await aWorld()
  for (const account of world.accounts) account.groups = ['/operators']

  const { tokens } = await logIn(world)

  expect(decodeJwt(tokens.access_token).groups).toEqual(['/operators'])
})

test('the public client gets a token for the same API with its code verifier', async () => {
  const world = await aWorld()
  const { code, verifier, redirect_uri } = await authorizePublicClient(world)

  const response = await exchange(world, {
    client_id: swaggerClientId,
    code,
    redirect_uri,
    code_verifier: verifier,
  })

  const { access_token } = (await response.json()) as { access_token: string }
  const payload = await verify(world, access_token, serviceClient.id)
  expect(payload.azp).toBe(swaggerClientId)
})

test('the public client is refused without its code verifier, and with another', async () => {
  const world = await aWorld()

  for (const code_verifier of [undefined, oidc.randomPKCECodeVerifier()]) {
    const { code, redirect_uri } = await authorizePublicClient(world)
    const response = await exchange(world, {
      client_id: swaggerClientId,
      code,
      redirect_uri,
      ...(code_verifier === undefined ? {} : { code_verifier }),
    })

    expect(response.status).toBe(400)
    expect(await response.text()).not.toContain('access_token')
  }
})

test('a wrong client secret is refused', async () => {
  const world = await aWorld()
  const { authorizationUrl, verifier } = await beginLogin(world)
  const callback = await signIn({ authorizationUrl, ...alice })

  const response = await exchange(
    world,
    {
      code: callback.searchParams.get('code') ?? '',
      redirect_uri: `${world.publicUrl}/auth/callback`,
      code_verifier: verifier,
    },
    { authorization: `Basic ${btoa('latchkey:wrong')}` },
  )

  expect(response.status).toBe(401)
  const body = await response.text()
  expect(JSON.parse(body)).toMatchObject({ error: 'invalid_client' })
  expectNothingInternal(body)
})

test('the service client is refused without a secret', async () => {
  const world = await aWorld()

  const response = await exchange(world, { client_id: serviceClient.id, code: 'x', redirect_uri: 'x' })

  expect(response.status).toBe(401)
})

test('a code used twice is refused, and what it gave is refused from then on', async () => {
  const world = await aWorld()
  const login = await beginLogin(world)
  const callback = await signIn({ authorizationUrl: login.authorizationUrl, ...alice })
  const tokens = await login.finish(callback)

  await expect(login.finish(callback)).rejects.toMatchObject({ error: 'invalid_grant' })

  await expect(refresh(world, tokens.refresh_token)).rejects.toMatchObject({ error: 'invalid_grant' })
})

test('other grants are refused', async () => {
  const world = await aWorld()

  for (const grant_type of ['password', 'client_credentials', 'implicit']) {
    const attempt = oidc.genericGrantRequest(world.service, grant_type, { ...alice })
    await expect(attempt).rejects.toMatchObject({ error: 'unsupported_grant_type' })
  }
})

test('the service client may refresh', async () => {
  const world = await aWorld()
  const { tokens } = await logIn(world)

  const refreshed = await refresh(world, tokens.refresh_token)

  const payload = await verify(world, refreshed.access_token, serviceClient.id)
  expect(payload).toMatchObject({ typ: 'Bearer', preferred_username: 'alice' })
  expect(payload.sid).toBe(decodeJwt(tokens.access_token).sid)
  expect(refreshed.access_token).not.toBe(tokens.access_token)
})

test('a revoked refresh token and one of a disabled account are refused', async () => {
  const world = await aWorld()
  const [revoked, disabled] = [await logIn(world), await logIn(world)]

  await oidc.tokenRevocation(world.service, revoked.tokens.refresh_token ?? '')
  await expect(refresh(world, revoked.tokens.refresh_token)).rejects.toMatchObject({ error: 'invalid_grant' })

  for (const account of world.accounts) account.enabled = false
  await expect(refresh(world, disabled.tokens.refresh_token)).rejects.toMatchObject({
    error: 'invalid_grant',
  })
})

test('another client cannot revoke the service’s refresh token', async () => {
  const world = await aWorld()
  const { tokens } = await logIn(world)

  await fetch(world.endpoint('revoke'), {
    method: 'POST',
    body: new URLSearchParams({ client_id: swaggerClientId, token: tokens.refresh_token ?? '' }),
  })

  expect((await refresh(world, tokens.refresh_token)).access_token).toBeDefined()
})

test('userinfo knows the owner of an access token', async () => {
  const world = await aWorld()
  const { tokens } = await logIn(world)

  const person = await oidc.fetchUserInfo(world.service, tokens.access_token, tokens.claims()?.sub ?? '')

  expect(person).toMatchObject({ preferred_username: 'alice', realm_access: { roles: expect.any(Array) } })
  expect(JSON.stringify(person)).not.toContain('alice-pw')
})

test('userinfo refuses an ID token, a changed token, none, and a disabled owner', async () => {
  const world = await aWorld()
  const { tokens } = await logIn(world)
  const ask = async (authorization?: string) => {
    const response = await fetch(
      world.endpoint('userinfo'),
      authorization ? { headers: { authorization } } : {},
    )
    expect(response.headers.get('www-authenticate')).toContain('invalid_token')
    expect(await response.text()).not.toContain('alice')
    return response.status
  }

  expect(await ask(`Bearer ${tokens.id_token}`)).toBe(401)
  expect(await ask(`Bearer ${tokens.access_token.slice(0, -8)}AAAAAAAA`)).toBe(401)
  expect(await ask()).toBe(401)
  for (const account of world.accounts) account.enabled = false
  expect(await ask(`Bearer ${tokens.access_token}`)).toBe(401)
})

test('introspection tells an active token from the rest', async () => {
  const world = await aWorld()
  const { tokens } = await logIn(world)

  expect(await oidc.tokenIntrospection(world.service, tokens.access_token)).toMatchObject({
    active: true,
    username: 'alice',
    client_id: serviceClient.id,
  })
  expect(await oidc.tokenIntrospection(world.service, 'nonsense')).toEqual({ active: false })
  expect(await oidc.tokenIntrospection(world.service, tokens.id_token ?? '')).toEqual({ active: false })
  for (const account of world.accounts) account.enabled = false
  expect(await oidc.tokenIntrospection(world.service, tokens.access_token)).toEqual({ active: false })
})

test('introspection is refused to whoever is not the service client', async () => {
  const world = await aWorld()
  const { tokens } = await logIn(world)
  const body = new URLSearchParams({ token: tokens.access_token, client_id: swaggerClientId })
  const credentials = [undefined, 'Basic', `Basic ${btoa('latchkey:wrong')}`, `Basic ${btoa('latchkey:%')}`]

  for (const authorization of credentials) {
    const headers: Record<string, string> = authorization ? { authorization } : {}
    const response = await fetch(world.endpoint('token/introspect'), { method: 'POST', headers, body })

    expect(response.status).toBe(401)
    expect(await response.text()).not.toContain('alice')
  }
})

test('scripts of an allowed origin may read the token endpoint', async () => {
  const world = await aWorld({ allowedOrigins: ['https://portal.example.org'] })
  const headers = { origin: 'https://portal.example.org' }

  const preflight = await fetch(world.endpoint('token'), {
    method: 'OPTIONS',
    headers: { ...headers, 'access-control-request-method': 'POST' },
  })
  const { code, verifier, redirect_uri } = await authorizePublicClient(world)
  const response = await exchange(
    world,
    { client_id: swaggerClientId, code, redirect_uri, code_verifier: verifier },
    headers,
  )

  expect(preflight.headers.get('access-control-allow-origin')).toBe('https://portal.example.org')
  expect(response.status).toBe(200)
  expect(response.headers.get('access-control-allow-origin')).toBe('https://portal.example.org')
})

test('scripts of another origin are refused at the token endpoint, and their preflight too', async () => {
  const world = await aWorld()
  const origins = ['https://evil.example', 'null', `${world.publicUrl}.evil.example`, `${world.publicUrl}/`]

  for (const origin of origins) {
    const preflight = await fetch(world.endpoint('token'), {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'POST' },
    })
    const { code, verifier, redirect_uri } = await authorizePublicClient(world)
    const parameters = { client_id: swaggerClientId, code, redirect_uri, code_verifier: verifier }
    const response = await exchange(world, parameters, { origin })

    expect(preflight.headers.has('access-control-allow-origin')).toBe(false)
    expect(response.status).toBe(403)
    expect(response.headers.has('access-control-allow-origin')).toBe(false)
    expect(await response.text()).not.toContain('access_token')
  }
})

test('a restart with the same key keeps access tokens verifiable and ends the sessions', async () => {
  const before = await aWorld()
  const { tokens, browser } = await logIn(before)
  await stop(before)

  const after = await aWorld({ port: Number(new URL(before.publicUrl).port) })

  expect((await verify(after, tokens.access_token, serviceClient.id)).preferred_username).toBe('alice')
  const person = await oidc.fetchUserInfo(after.service, tokens.access_token, tokens.claims()?.sub ?? '')
  expect(person.preferred_username).toBe('alice')
  await expect(refresh(after, tokens.refresh_token)).rejects.toMatchObject({ error: 'invalid_grant' })
  expect((await logIn(after, { browser })).tokens.access_token).toBeDefined()
})

test('a restart with another key refuses access tokens from before', async () => {
  const before = await aWorld()
  const { tokens } = await logIn(before)
  await stop(before)

  const port = Number(new URL(before.publicUrl).port)
  const after = await aWorld({ port, signingKey: await generateSigningKey() })

  await expect(verify(after, tokens.access_token, serviceClient.id)).rejects.toThrow()
  expect(await oidc.tokenIntrospection(after.service, tokens.access_token)).toEqual({ active: false })
})

async function verify(world: World, token: string, audience: string) {
  const keys = createRemoteJWKSet(new URL(world.endpoint('certs')))
  return (await jwtVerify(token, keys, { issuer: world.issuer, audience, algorithms: ['RS256'] })).payload
}

const refresh = ({ service }: World, token: string | undefined) =>
  oidc.refreshTokenGrant(service, token ?? '')

async function authorizePublicClient(world: World) {
  const redirect_uri = `${world.publicUrl}/docs/static/oauth2-redirect.html`
  const { authorizationUrl, verifier } = await beginLogin(world, { client_id: swaggerClientId, redirect_uri })
  const callback = await signIn({ authorizationUrl, ...alice, browser: createBrowser() })
  return { code: callback.searchParams.get('code') ?? '', verifier, redirect_uri }
}

function exchange(world: World, parameters: Record<string, string>, headers: Record<string, string> = {}) {
  const body = new URLSearchParams({ grant_type: 'authorization_code', ...parameters })
  return fetch(world.endpoint('token'), { method: 'POST', headers, body })
}
