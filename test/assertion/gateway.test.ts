import { createRemoteJWKSet, jwtVerify } from 'jose'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type CreatedKey, startService, type TestService } from '../support/service.js'
import { setServices } from '../support/services.js'
import { startUpstream, type Upstream } from '../support/upstream.js'
import { secret } from './world.js'

let upstream: Upstream
let service: TestService
let key: CreatedKey
beforeAll(async () => {
  upstream = await startUpstream()
  service = await startService({ KEY_ENCRYPTION_SECRET: secret }, { hasGateway: true })
  await setServices(service, { id: 'catalogue', target: upstream.url })
  key = await service.createKey('alice', { config: { project: 'demo' } })
})
afterAll(async () => {
  await service.close()
  await upstream.close()
})

async function call(headers: Record<string, string>) {
  const { status } = await fetch(`${service.gatewayUrl}/catalogue/items`, { headers })
  return { status, seen: upstream.seen.splice(0).at(-1) }
}
const verify = (assertion: unknown) =>
  jwtVerify(String(assertion), createRemoteJWKSet(new URL(`${service.url}/.well-known/jwks.json`)), {
    issuer: service.url,
    audience: 'catalogue',
    typ: 'assertion+jwt',
    algorithms: ['ES256'],
  })

test('a service behind the gateway can check who is calling by the assertion alone', async () => {
  const { seen } = await call({ 'x-api-key': key.value })

  const { payload } = await verify(seen?.headers['latchkey-assertion'])
  expect(payload).toMatchObject({
    login: 'alice',
    via: 'api-key',
    key_id: key.id,
    scopes: expect.arrayContaining(['rspy-user']),
    config: { project: 'demo' },
  })
  expect(seen?.headers['latchkey-login']).toBe('alice')
  expect(JSON.stringify(seen)).not.toContain(key.value)
})

test('an assertion that a client sends reaches no service', async () => {
  const { seen } = await call({
    'x-api-key': key.value,
    'latchkey-assertion': 'forged',
    latchkey_assertion: 'forged',
  })

  expect(JSON.stringify(seen)).not.toContain('forged')
  await expect(verify(seen?.headers['latchkey-assertion'])).resolves.toBeDefined()
})

test('an assertion is no credential: neither this service nor the gateway takes it for one', async () => {
  const { seen } = await call({ 'x-api-key': key.value })
  const assertion = String(seen?.headers['latchkey-assertion'])

  const replayed = await call({ authorization: `Bearer ${assertion}` })
  const own = await service.inject({ url: '/me', headers: { authorization: `Bearer ${assertion}` } })

  expect([replayed.status, own.status]).toEqual([401, 401])
})

test('an assertion ends with the OAuth2 token behind it', async () => {
  const { seen } = await call(await service.as('alice', { lifetimeSeconds: 20 }))

  const { payload } = await verify(seen?.headers['latchkey-assertion'])
  expect(Number(payload.exp) - Number(payload.iat)).toBeLessThanOrEqual(20)
})
