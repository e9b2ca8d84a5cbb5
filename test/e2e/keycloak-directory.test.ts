import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { type Answer, ask, newName } from './journeys/people.js'
import { requireKeycloak, requireKeycloakServer, requirePostgresql } from './support/environment.js'
import {
  askAdmin,
  type KeycloakAddress,
  logInByPassword,
  requireUserId,
  setEnabled,
} from './support/keycloak-client.js'
import { createRealm } from './support/keycloak-realm.js'
import { startNetwork } from './support/network.js'
import { createDatabase } from './support/postgresql.js'
import { type Service, startService } from './support/service.js'
import { settingsFor } from './support/settings.js'

const syncSeconds = 4

async function call(
  url: string,
  token: string,
  method: string,
  path: string,
  body?: object,
): Promise<Answer> {
  return await ask(`${url}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
}

async function makeKey(
  service: Service,
  keycloak: KeycloakAddress,
  person: string,
  wanted: object = {},
): Promise<string> {
  const { access_token } = await logInByPassword(keycloak, person)
  const { status, body } = await call(service.url, access_token, 'POST', '/api-keys', {
    name: newName(),
    ...wanted,
  })
  if (status !== 201) throw new Error(`The key was not made: ${status} ${JSON.stringify(body)}`)
  return (body as { value: string }).value
}

const whoIs = (service: Service, value: string) =>
  ask(`${service.url}/me`, { headers: { 'x-api-key': value } })
/** Within the bound of the settings, with a second for a busy machine. */
const withinBound = (check: () => Promise<void>) =>
  vi.waitFor(check, { timeout: (syncSeconds + 1) * 1000, interval: 100 })

describe('following the people of a Keycloak', () => {
  let keycloak: KeycloakAddress
  let service: Service
  beforeAll(async () => {
    keycloak = await requireKeycloak()
    service = await startService({
      env: {
        ...settingsFor(keycloak, await createDatabase(await requirePostgresql())),
        DIRECTORY_SYNC_SECONDS: String(syncSeconds),
        OIDC_ATTRIBUTES: 'department, organization',
      },
    })
  })
  afterEach(async () => await setEnabled(keycloak, 'bob', true))
  afterAll(async () => await service.stop())

  test('keys of someone who is disabled are refused within the bound, in use and idle, and revive', async () => {
    const [inUse, idle] = [await makeKey(service, keycloak, 'bob'), await makeKey(service, keycloak, 'bob')]
    const alices = await makeKey(service, keycloak, 'alice')
    const { access_token } = await logInByPassword(keycloak, 'bob')
    expect((await whoIs(service, inUse)).status).toBe(200)

    await setEnabled(keycloak, 'bob', false)
    await withinBound(async () => expect((await whoIs(service, inUse)).status).toBe(401))

    expect((await whoIs(service, idle)).body).toMatchObject({ status: 401, code: 'invalid_credential' })
    expect((await call(service.url, access_token, 'GET', '/me')).status).toBe(401)
    expect((await call(service.url, access_token, 'GET', '/catalog/collections')).status).toBe(401)
    expect((await whoIs(service, alices)).status).toBe(200)
    await setEnabled(keycloak, 'bob', true)
    await withinBound(async () => expect((await whoIs(service, inUse)).status).toBe(200))
    expect((await whoIs(service, idle)).status).toBe(200)
  })

  test('a role that is given and taken reaches the key within the bound', async () => {
    const value = await makeKey(service, keycloak, 'bob')
    const role = JSON.stringify([await askAdmin(keycloak, 'GET', '/roles/latchkey-admin')])
    const path = `/users/${await requireUserId(keycloak, 'bob')}/role-mappings/realm`
    expect((await whoIs(service, value)).body).toMatchObject({
      scopes: expect.not.arrayContaining(['latchkey-admin']),
    })

    await askAdmin(keycloak, 'POST', path, role)
    await withinBound(async () =>
      expect((await whoIs(service, value)).body).toMatchObject({
        scopes: expect.arrayContaining(['latchkey-admin', 'latchkey:catalog_read', 'rspy-user']),
      }),
    )

    await askAdmin(keycloak, 'DELETE', path, role)
    await withinBound(async () =>
      expect((await whoIs(service, value)).body).toMatchObject({
        scopes: expect.not.arrayContaining(['latchkey-admin']),
      }),
    )
  })

  test('a right that was named is lost to the key with the role, and comes back with it', async () => {
    const name = `key-role-${Date.now()}`
    await askAdmin(keycloak, 'POST', '/roles', JSON.stringify({ name }))
    const role = JSON.stringify([await askAdmin(keycloak, 'GET', `/roles/${name}`)])
    const path = `/users/${await requireUserId(keycloak, 'bob')}/role-mappings/realm`
    await askAdmin(keycloak, 'POST', path, role)
    const value = await makeKey(service, keycloak, 'bob', { scopes: [name, 'rspy-user'] })
    const { access_token } = await logInByPassword(keycloak, 'bob')
    const scopesOf = async () => ((await whoIs(service, value)).body as { scopes: string[] }).scopes
    expect(await scopesOf()).toEqual([name, 'rspy-user'])

    await askAdmin(keycloak, 'DELETE', path, role)
    await withinBound(async () => expect(await scopesOf()).toEqual(['rspy-user']))

    // By the token of before, which still says otherwise.
    await withinBound(async () => {
      const { body } = await call(service.url, access_token, 'GET', '/scopes')
      expect(body).toEqual({ items: expect.not.arrayContaining([expect.objectContaining({ scope: name })]) })
    })
    const refused = await call(service.url, access_token, 'POST', '/api-keys', {
      ...{ name: newName(), scopes: [name, 'rspy-user'] },
    })
    expect(refused).toMatchObject({
      status: 403,
      body: { code: 'insufficient_scope', detail: `You do not have these rights: ${name}.` },
    })
    expect(refused.headers.get('www-authenticate')).toBe(
      `Bearer error="insufficient_scope", scope="${name} rspy-user"`,
    )
    await askAdmin(keycloak, 'POST', path, role)
    await withinBound(async () => expect(await scopesOf()).toEqual([name, 'rspy-user']))
    await askAdmin(keycloak, 'DELETE', `/roles/${name}`)
    await withinBound(async () => expect(await scopesOf()).toEqual(['rspy-user']))
  })

  test('attributes reach /me, those that no token carries too', async () => {
    const value = await makeKey(service, keycloak, 'alice', { config: { department: 'mine' } })

    await withinBound(async () =>
      expect((await whoIs(service, value)).body).toMatchObject({
        attributes: { department: 'ops', organization: 'acme' },
      }),
    )
  })

  test('a key that never expires may be made, since its owner is followed', async () => {
    const value = await makeKey(service, keycloak, 'alice', { never_expires: true })

    expect((await whoIs(service, value)).status).toBe(200)
  })

  test('the key of someone who is deleted is refused within the bound', async () => {
    const name = `mayfly-${Date.now()}`
    await askAdmin(
      keycloak,
      'POST',
      '/users',
      JSON.stringify({
        ...{ username: name, enabled: true, email: `${name}@example.test`, emailVerified: true },
        ...{ firstName: 'May', lastName: 'Fly' },
        credentials: [{ type: 'password', value: `${name}-pw`, temporary: false }],
      }),
    )
    const value = await makeKey(service, keycloak, name)
    expect((await whoIs(service, value)).status).toBe(200)

    await askAdmin(keycloak, 'DELETE', `/users/${await requireUserId(keycloak, name)}`)

    await withinBound(async () => expect((await whoIs(service, value)).status).toBe(401))
  })
})

describe('with a Keycloak that stops answering', () => {
  test('what is known of owners serves for DIRECTORY_MAX_STALE_SECONDS, then nobody can tell', async () => {
    const server = await requireKeycloakServer()
    const network = await startNetwork(server)
    const keycloak = await createRealm(server, network.url)
    const service = await startService({
      env: {
        ...settingsFor(keycloak, await createDatabase(await requirePostgresql())),
        DIRECTORY_SYNC_SECONDS: '2',
        DIRECTORY_MAX_STALE_SECONDS: '8',
      },
    })
    try {
      const value = await makeKey(service, keycloak, 'alice')
      expect((await whoIs(service, value)).status).toBe(200)

      network.hang()
      const pausedAt = Date.now()
      while (Date.now() - pausedAt < 5500) {
        const askedAt = Date.now()
        expect((await whoIs(service, value)).status).toBe(200)
        // It may wait a second for an answer, once.
        expect(Date.now() - askedAt).toBeLessThan(2000)
        await delay(100)
      }
      await vi.waitFor(async () => expect((await whoIs(service, value)).status).toBe(503), {
        timeout: 10_000,
        interval: 200,
      })
      expect((await whoIs(service, value)).body).toMatchObject({ code: 'unavailable' })

      network.resume()
      await vi.waitFor(async () => expect((await whoIs(service, value)).status).toBe(200), {
        timeout: 15_000,
        interval: 200,
      })
    } finally {
      network.resume()
      await service.stop()
      await network.close()
    }
  })
})

describe('with a client that has no service account', () => {
  test('what the last login told serves, no key may live for ever, and the start says why', async () => {
    const keycloak = await requireKeycloak()
    const [client] = (await askAdmin(keycloak, 'GET', '/clients?clientId=latchkey')) as { id: string }[]
    const id = `no-account-${Date.now()}`
    await askAdmin(
      keycloak,
      'POST',
      '/clients',
      JSON.stringify({
        ...(client as object),
        id: undefined,
        clientId: id,
        secret: 'its-own-secret',
        serviceAccountsEnabled: false,
        protocolMappers: undefined,
      }),
    )
    const settings = settingsFor(keycloak, await createDatabase(await requirePostgresql()))
    const service = await startService({
      env: {
        ...settings,
        ...{ OIDC_CLIENT_ID: id, OIDC_CLIENT_SECRET: 'its-own-secret' },
        ...{ OIDC_AUDIENCES: 'latchkey', OIDC_MANAGEMENT_CLIENTS: 'latchkey', DIRECTORY_SYNC_SECONDS: '1' },
      },
    })
    try {
      await vi.waitFor(async () => expect(await service.log()).toContain('no key may live for ever'), {
        timeout: 10_000,
      })
      const { access_token } = await logInByPassword(keycloak, 'alice')

      expect((await whoIs(service, await makeKey(service, keycloak, 'alice'))).status).toBe(200)
      expect(
        await call(service.url, access_token, 'POST', '/api-keys', { name: newName(), never_expires: true }),
      ).toMatchObject({ status: 403, body: { code: 'never_expires_not_allowed' } })
    } finally {
      await service.stop()
    }
  })
})
