import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Answer, ask, newName } from './journeys/people.js'
import { requireKeycloak, requirePostgresql } from './support/environment.js'
import {
  askAdmin,
  KEYCLOAK_ADMIN,
  type KeycloakAddress,
  logInByPassword,
  type TokenSet,
} from './support/keycloak-client.js'
import { createDatabase } from './support/postgresql.js'
import { type Service, startService } from './support/service.js'
import { settingsFor } from './support/settings.js'

describe("with Keycloak's tokens", () => {
  let keycloak: KeycloakAddress
  let service: Service
  let alice: TokenSet
  beforeAll(async () => {
    keycloak = await requireKeycloak()
    service = await startService({
      env: settingsFor(keycloak, await createDatabase(await requirePostgresql())),
    })
    alice = await logInByPassword(keycloak, 'alice')
  })
  afterAll(async () => await service.stop())

  test('a program that logged in by password manages keys', async () => {
    const name = newName()

    const created = await call(alice.access_token, 'POST', '/api-keys', { name })
    const { id, value } = created.body as { id: string; value: string }
    const listed = await call(alice.access_token, 'GET', '/api-keys')
    const revoked = await call(alice.access_token, 'POST', `/api-keys/${id}/revoke`, {})
    const used = await ask(`${service.url}/catalog/collections`, { headers: { 'x-api-key': value } })
    const deleted = await call(alice.access_token, 'DELETE', `/api-keys/${id}`)

    expect(created).toMatchObject({ status: 201, body: { name, owner: { login: 'alice' } } })
    expect(listed).toMatchObject({ status: 200, body: { items: [{ id, name }] } })
    expect(revoked).toMatchObject({ status: 200, body: { status: 'revoked' } })
    expect(used.status).toBe(401)
    expect(deleted.status).toBe(204)
  })

  test('the keys of one person are hidden from another', async () => {
    const bob = await logInByPassword(keycloak, 'bob')
    const created = await call(alice.access_token, 'POST', '/api-keys', { name: newName() })
    const { id } = created.body as { id: string }

    const answers = await Promise.all([
      call(bob.access_token, 'GET', `/api-keys/${id}`),
      call(bob.access_token, 'POST', `/api-keys/${id}/revoke`, {}),
      call(bob.access_token, 'POST', `/api-keys/${id}/rotate`, {}),
      call(bob.access_token, 'DELETE', `/api-keys/${id}`),
    ])

    expect(answers.map(({ status }) => status)).toEqual([404, 404, 404, 404])
    expect((await call(bob.access_token, 'GET', '/api-keys')).body).toMatchObject({ items: [] })
    expect((await call(alice.access_token, 'GET', `/api-keys/${id}`)).body).toMatchObject({
      status: 'active',
    })
  })

  test('roles of the realm and of clients are one flat list', async () => {
    const me = await call(alice.access_token, 'GET', '/me')

    expect(me).toMatchObject({ status: 200, body: { login: 'alice', kind: 'user', via: 'oauth2' } })
    expect(me.body).toHaveProperty(
      'roles',
      expect.arrayContaining([
        'latchkey-admin',
        'rspy-user',
        'latchkey:catalog_read',
        'latchkey:catalog_write',
      ]),
    )
  })

  test('a token of another service opens the catalogue, and manages no keys', async () => {
    const other = await logInByPassword(keycloak, 'alice', { client: 'other-service' })
    const asOther = async (method: string, path: string, body?: object) =>
      await call(other.access_token, method, path, body)

    const allowed = [await asOther('GET', '/me'), await asOther('GET', '/catalog/collections')]
    const refused = [
      await asOther('GET', '/api-keys'),
      await asOther('POST', '/api-keys', { name: newName() }),
      await asOther('POST', '/api-keys/AAAAAAAA/rotate', {}),
    ]

    expect(allowed.map(({ status }) => status)).toEqual([200, 200])
    for (const answer of refused) {
      expect(answer).toMatchObject({ status: 403, body: { code: 'client_not_allowed' } })
    }
  })

  test('a client of another API is refused, until it has the audience mapper that README shows', async () => {
    const clientId = `another-${Date.now()}`
    // With its full scope Keycloak would write the client of each of bob's roles into the audience.
    const client = { clientId, publicClient: true, directAccessGrantsEnabled: true, fullScopeAllowed: false }
    await askAdmin(keycloak, 'POST', '/clients', JSON.stringify(client))
    const found = (await askAdmin(keycloak, 'GET', `/clients?clientId=${clientId}`)) as { id: string }[]
    const id = found[0]?.id ?? ''
    try {
      const without = await logInByPassword(keycloak, 'bob', { client: clientId })
      expectRefused(await call(without.access_token, 'GET', '/me'))

      await askAdmin(keycloak, 'POST', `/clients/${id}/protocol-mappers/models`, JSON.stringify(readMapper()))
      const withMapper = await logInByPassword(keycloak, 'bob', { client: clientId })

      expect((await call(withMapper.access_token, 'GET', '/me')).status).toBe(200)
    } finally {
      await askAdmin(keycloak, 'DELETE', `/clients/${id}`)
    }
  })

  test('an ID token, a refresh token and an offline token are no access tokens', async () => {
    const offline = await logInByPassword(keycloak, 'alice', { scope: 'openid offline_access' })
    const tokens = [alice.id_token ?? 'none', alice.refresh_token, offline.refresh_token]

    const answers = await Promise.all(tokens.map((token) => call(token, 'GET', '/me')))

    for (const answer of answers) expectRefused(answer)
  })

  test('a token of another realm of the same Keycloak is refused', async () => {
    const master = await logInByPassword(
      { issuer: keycloak.issuer.replace(/[^/]+$/, 'master') },
      KEYCLOAK_ADMIN.username,
      { client: 'admin-cli', password: KEYCLOAK_ADMIN.password },
    )

    expectRefused(await call(master.access_token, 'GET', '/me'))
  })

  test('a token whose text was changed is refused', async () => {
    const [header = '', payload = '', signature = ''] = alice.access_token.split('.')
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString())
    const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url')
    const asBob = encode({ ...claims, preferred_username: 'bob' })
    const unsigned = encode({ alg: 'none', typ: 'JWT' })
    const forgeries = [`${header}.${asBob}.${signature}`, `${unsigned}.${payload}.`, `${header}.${payload}.`]

    const answers = await Promise.all(forgeries.map((token) => call(token, 'GET', '/me')))

    for (const answer of answers) expectRefused(answer)
  })

  test('a token is refused once it has expired', async () => {
    await setTokenLifespan('1')
    const short = await logInByPassword(keycloak, 'alice', { client: 'other-service' })
    const fresh = await call(short.access_token, 'GET', '/me')
    await setTokenLifespan('')

    // The clocks of Keycloak and of the service may differ by 5 s.
    await delay(7_000)
    const expired = await call(short.access_token, 'GET', '/me')

    expect(fresh.status).toBe(200)
    expectRefused(expired)
  })

  function expectRefused({ status, headers, body }: Answer) {
    expect(status).toBe(401)
    expect(headers.get('www-authenticate')).toBe('Bearer error="invalid_token"')
    expect(body).toMatchObject({ code: 'invalid_credential' })
  }

  async function call(token: string, method: string, path: string, body?: object): Promise<Answer> {
    return await ask(`${service.url}${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) },
      ...(body && { body: JSON.stringify(body) }),
    })
  }

  /** Of the client `other-service`, in seconds; empty for the realm's. */
  async function setTokenLifespan(seconds: string) {
    const clients = (await askAdmin(keycloak, 'GET', '/clients?clientId=other-service')) as [
      { id: string; attributes: Record<string, string> },
    ]
    const [client] = clients
    const attributes = { ...client.attributes, 'access.token.lifespan': seconds }
    await askAdmin(keycloak, 'PUT', `/clients/${client.id}`, JSON.stringify({ ...client, attributes }))
  }
})

/** The mapper that README's `kcadm.sh` makes. */
function readMapper(): Record<string, unknown> {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
  const command = readme.split('kcadm.sh create clients/')[1]?.split('```')[0] ?? ''
  const mapper: Record<string, unknown> = {}
  const config: Record<string, string> = {}
  for (const [, name = '', quoted, plain = ''] of command.matchAll(
    /-s '?([a-zA-Z]+)(?:\."([a-z.]+)")?=([^\s']+)/g,
  )) {
    if (quoted === undefined) mapper[name] = plain
    else config[quoted] = plain
  }
  return { ...mapper, config }
}
