import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { startService, type TestService } from '../support/service.js'
import { administrationOf, adminRole, expectInvalid, expectProblem } from './world.js'

let service: TestService
const ask = administrationOf(() => service)
const url = '/admin/providers/api-key'
const provider = (disabled: boolean) => ({ name: 'api-key', type: 'api-key', disabled })
beforeAll(async () => {
  service = await startService()
})
afterAll(() => service.close())
afterEach(() => ask.admin('PUT', url, provider(false)))

test('API keys are on until somebody switches them off', async () => {
  expect((await ask.admin('GET', url)).json).toEqual(provider(false))
})

describe('switched off', () => {
  test('every key is refused like one that is unknown, from the answer on, and works again afterwards', async () => {
    const { value } = await service.createKey('bob')
    const server = await ask.serverKey({ scopes: [adminRole] })
    for (const each of [value, server.value]) expect((await ask.with(each)).status).toBe(200)

    expect((await ask.admin('PUT', url, provider(true))).json).toEqual(provider(true))

    for (const each of [value, server.value]) expectProblem(await ask.with(each), 401, 'invalid_credential')
    expectProblem(await ask.with(server.value, 'PUT', url, provider(false)), 401, 'invalid_credential')
    expect((await ask.admin('GET', url)).json).toEqual(provider(true))
    await ask.admin('PUT', url, provider(false))
    for (const each of [value, server.value]) expect((await ask.with(each)).status).toBe(200)
  })

  test('no key is told to be good as data either', async () => {
    const { value } = await service.createKey('bob')
    const verify = () => service.inject({ method: 'POST', url: '/api-keys/verify', payload: { value } })
    expect((await verify()).json.valid).toBe(true)

    await ask.admin('PUT', url, provider(true))

    expect((await verify()).json).toMatchObject({ valid: false, code: 'invalid_credential' })
  })

  test('none can be made, of a person or a server', async () => {
    await ask.admin('PUT', url, provider(true))
    const before = await service.db.prisma.apiKey.count()

    expectProblem(await ask.bob('POST', '/api-keys', { name: 'late' }), 403, 'keys_disabled')
    expectProblem(await ask.admin('POST', '/admin/api-keys', { name: 'late' }), 403, 'keys_disabled')
    expect(await service.db.prisma.apiKey.count()).toBe(before)
  })

  test('people go on with their tokens, and see and revoke their keys', async () => {
    const { id } = await service.createKey('bob')
    await ask.admin('PUT', url, provider(true))

    expect((await ask.bob('GET', '/me')).status).toBe(200)
    expect((await ask.bob('GET', `/api-keys/${id}`)).json.status).toBe('active')
    expect((await ask.bob('POST', `/api-keys/${id}/revoke`)).json.status).toBe('revoked')
  })

  test('a key that is being checked at that moment is not remembered as good', async () => {
    const keys = []
    for (let n = 0; n < 5; n += 1) keys.push(await service.createKey('alice'))

    await Promise.all([ask.admin('PUT', url, provider(true)), ...keys.map(({ value }) => ask.with(value))])

    for (const { value } of keys) expect((await ask.with(value)).status).toBe(401)
  })
})

test('each switching is one line of the ledger, and what changes nothing is none', async () => {
  const before = (await ask.linesOf('api-key')).length
  for (const disabled of [true, true, false, false]) await ask.admin('PUT', url, provider(disabled))

  const lines = (await ask.linesOf('api-key')).slice(before)

  expect(lines.map(({ action }) => action)).toEqual(['provider.disabled', 'provider.enabled'])
})

test.each<[object, string]>([
  [{ ...provider(true), name: 'local-userpass' }, 'name'],
  [{ ...provider(true), type: 'oauth2' }, 'type'],
  [{ ...provider(true), disabled: 'yes' }, 'disabled'],
  [{ name: 'api-key', type: 'api-key' }, 'disabled'],
  [{ ...provider(true), config: {} }, 'config'],
])('%j switches nothing', async (wanted, path) => {
  expectInvalid(await ask.admin('PUT', url, wanted), path)
  expect((await ask.admin('GET', url)).json).toEqual(provider(false))
})

test('there is no other provider', async () => {
  expect((await ask.admin('GET', '/admin/providers/local-userpass')).status).toBe(404)
})
