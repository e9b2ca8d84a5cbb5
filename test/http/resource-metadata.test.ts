import { afterAll, beforeAll, expect, test } from 'vitest'
import { startService, type TestService } from '../support/service.js'

const wellKnown = '/.well-known/oauth-protected-resource'
const keycloak = { OIDC_ISSUER: 'https://idp.example/realms/x', OIDC_CLIENT_SECRET: 'a secret' }

let service: TestService
beforeAll(async () => {
  service = await startService({}, { hasGateway: true })
})
afterAll(() => service.close())

test('a program that knows only the address finds the issuer, its client and the gateway', async () => {
  const { status, json } = await service.inject({ url: wellKnown })

  expect(status).toBe(200)
  expect(json).toEqual({
    resource: service.url,
    authorization_servers: [`${service.url}/dev-idp/realms/latchkey`],
    bearer_methods_supported: ['header'],
    resource_name: 'Latchkey',
    resource_documentation: `${service.url}/docs`,
    latchkey_cli_client_id: 'latchkey-cli',
    latchkey_gateway_url: service.gatewayUrl,
  })
})

test('the issuer that it names is one that can be discovered', async () => {
  const { json } = await service.inject({ url: wellKnown })

  const [issuer] = json.authorization_servers
  const discovered = await (await fetch(`${issuer}/.well-known/openid-configuration`)).json()

  expect(discovered).toMatchObject({ issuer })
})

test('what the operator calls the client is told, and of no gateway nothing', async () => {
  const own = await startService({ ...keycloak, OIDC_CLI_CLIENT_ID: 'terminals' })

  const { json } = await own.inject({ url: wellKnown })
  await own.close()

  expect(json).toMatchObject({
    authorization_servers: ['https://idp.example/realms/x'],
    latchkey_cli_client_id: 'terminals',
  })
  expect(json).not.toHaveProperty('latchkey_gateway_url')
  expect(JSON.stringify(json)).not.toContain('a secret')
})

test('it is there for everybody, scripts of other sites too, and for five minutes', async () => {
  const { headers } = await service.inject({ url: wellKnown, headers: { origin: 'https://evil.example' } })

  expect(headers).toMatchObject({
    'cache-control': 'public, max-age=300',
    'access-control-allow-origin': '*',
  })
  expect(headers).not.toHaveProperty('access-control-allow-credentials')
  expect(headers).not.toHaveProperty('set-cookie')
})

test('a spoofed host changes no address', async () => {
  const spoofed = { host: 'evil.example', 'x-forwarded-host': 'evil.example', forwarded: 'host=evil.example' }

  const { body } = await service.inject({ url: wellKnown, headers: spoofed })

  expect(body).toContain(service.url)
  expect(body).not.toContain('evil')
})

test('a service below a path is found below it and, as RFC 9728 has it, at its origin', async () => {
  const below = await startService({ ...keycloak, PUBLIC_URL: 'https://platform.example/tools/keys' })

  const stripped = await below.inject({ url: wellKnown })
  const atOrigin = await below.inject({ url: `${wellKnown}/tools/keys` })
  const elsewhere = await below.inject({ url: `${wellKnown}/tools` })
  await below.close()

  expect(stripped.json.resource).toBe('https://platform.example/tools/keys')
  expect(atOrigin.json).toEqual(stripped.json)
  expect(elsewhere.status).toBe(404)
})

test('at an origin without a path there is no second place for it', async () => {
  const { status, json } = await service.inject({ url: `${wellKnown}/tools/keys` })

  expect([status, json.code]).toEqual([404, 'not_found'])
})
