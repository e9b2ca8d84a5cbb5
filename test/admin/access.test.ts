import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { logIn } from '../support/log-in.js'
import { startService, type TestService, type TokenWishes } from '../support/service.js'
import { administrationOf, administrator, adminRole, expectProblem, type Method } from './world.js'

let service: TestService
const ask = administrationOf(() => service)
let operations: { method: Method; url: string; payload?: object }[]
beforeAll(async () => {
  service = await startService()
  const headers = { host: new URL(service.url).host }
  const document = (await service.inject({ url: '/docs/json', headers })).json
  operations = Object.entries<Record<string, { requestBody?: object }>>(document.paths)
    .filter(([path]) => path.startsWith('/admin/'))
    .flatMap(([path, item]) =>
      Object.entries(item).map(([method, { requestBody }]) => ({
        method: method.toUpperCase() as Method,
        url: path.replaceAll(/\{\w+\}/g, 'unknown'),
        ...(requestBody === undefined ? {} : { payload: {} }),
      })),
    )
})
afterAll(() => service.close())

async function expectRefused(headers: Record<string, string>, status: number, code: string): Promise<void> {
  expect(operations.length).toBeGreaterThan(12)
  for (const operation of operations)
    expectProblem(await service.inject({ ...operation, headers }), status, code)
}

describe('every operation of administration refuses', () => {
  test('who comes without a credential', async () => {
    await expectRefused({}, 401, 'not_authenticated')
  })

  test.each<[string, TokenWishes]>([
    ['someone without the role', {}],
    ['a client role of that name', { claims: { resource_access: { latchkey: { roles: [adminRole] } } } }],
    ['a group of that name', { claims: { groups: [adminRole] } }],
  ])('%s', async (_case, wishes) => {
    await expectRefused(await service.as('bob', wishes), 403, 'insufficient_scope')
  })

  test('a token that was issued to another client', async () => {
    const headers = await service.as('alice', { ...administrator, clientId: 'some-service' })
    const audience = { aud: service.config.clientId, azp: 'some-service' }
    const foreign = await service.as('alice', { claims: { ...administrator.claims, ...audience } })

    await expectRefused(headers, 403, 'client_not_allowed')
    await expectRefused(foreign, 403, 'client_not_allowed')
  })

  test('the key of an administrator', async () => {
    const headers = await service.as('alice', administrator)
    const payload = { name: 'hers', scopes: [adminRole] }
    const { json } = await service.inject({ method: 'POST', url: '/api-keys', headers, payload })

    expect((await ask.with(json.value)).json.scopes).toEqual([adminRole])
    await expectRefused({ 'x-api-key': json.value }, 403, 'login_required')
  })

  test('a server key without the role', async () => {
    const { value } = await ask.serverKey({ scopes: ['rspy-user', `latchkey:${adminRole}`] })

    await expectRefused({ 'x-api-key': value }, 403, 'insufficient_scope')
  })
})

test('an administrator who is logged in changes things from this site, and from no other', async () => {
  const { cookie } = await logIn(service, 'alice')
  const make = (headers: Record<string, string>) =>
    service.inject({ method: 'POST', url: '/admin/api-keys', headers, payload: { name: 'by session' } })

  const made = await make({ cookie, 'sec-fetch-site': 'same-origin' })
  const crossSite = await make({ cookie, 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' })
  const bob = await logIn(service, 'bob')

  expect(made.status).toBe(201)
  expect(await ask.linesOf(made.json.id)).toMatchObject([{ actorLogin: 'alice', via: 'session' }])
  expectProblem(crossSite, 403, 'cross_site_request')
  expectProblem(await make({ ...bob, 'sec-fetch-site': 'same-origin' }), 403, 'insufficient_scope')
})

test('a server key that was given the role administrates, and not any more once it is taken away', async () => {
  const { id, value } = await ask.serverKey({ name: 'deputy', scopes: [adminRole] })

  const made = await ask.with(value, 'POST', '/admin/api-keys', { name: 'made by a deputy' })
  await ask.admin('PATCH', `/admin/api-keys/${id}`, { scopes: [] })
  const refused = await ask.with(value, 'POST', '/admin/api-keys', { name: 'too late' })

  expect(made.status).toBe(201)
  expect(await ask.linesOf(made.json.id)).toMatchObject([
    { action: 'key.created', actorSubject: `server:${id}`, actorKeyId: id, via: 'api-key' },
  ])
  expectProblem(refused, 403, 'insufficient_scope')
})

test('a read-only server key reads, and changes nothing', async () => {
  const { value } = await ask.serverKey({ name: 'auditor', scopes: [adminRole], read_only: true })

  expect((await ask.with(value, 'GET', '/admin/audit')).status).toBe(200)
  expectProblem(await ask.with(value, 'POST', '/admin/api-keys', { name: 'x' }), 403, 'read_only_key')
})

test('every answer of administration must not be kept on the way', async () => {
  for (const url of ['/admin/api-keys', '/admin/audit', '/admin/providers/api-key']) {
    expect((await ask.admin('GET', url)).headers['cache-control']).toBe('no-store')
  }
})
