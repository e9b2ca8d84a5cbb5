import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { type Answer, startService, type TestService } from '../support/service.js'
import { expectProblem, requestsTo, subjects } from './requests.js'

let service: TestService
const ask = requestsTo(() => service)
beforeAll(async () => {
  service = await startService()
})
beforeEach(async () => {
  await service.db.prisma.apiKey.deleteMany()
})
afterAll(() => service.close())

const create = (name: string, wanted: object = {}) =>
  ask.as('alice', 'POST', '/api-keys', { name, ...wanted })
const countWorking = async () =>
  service.db.prisma.apiKey.count({
    where: {
      revokedAt: null,
      OR: [{ expiresAt: null }, { expiresAt: { gt: new Date(service.clock.now()) } }],
    },
  })
const tally = (answers: Answer[]) => {
  const counts: Record<string, number> = {}
  for (const { status, json } of answers) {
    const outcome = `${status} ${json?.code ?? ''}`.trim()
    counts[outcome] = (counts[outcome] ?? 0) + 1
  }
  return counts
}
async function holdKeys(count: number): Promise<string[]> {
  const ids: string[] = []
  for (let at = 0; at < count; at++) ids.push((await service.createKey('alice', { name: `held ${at}` })).id)
  return ids
}
/** Keys that were made and revoked before: they do not count until they are renewed. */
async function holdRevokedKeys(count: number): Promise<string[]> {
  const ids = await holdKeys(count)
  for (const id of ids) await ask.as('alice', 'POST', `/api-keys/${id}/revoke`)
  for (const id of ids) await ask.as('alice', 'PATCH', `/api-keys/${id}`, { name: `revoked ${id}` })
  return ids
}

test('20 creations at once with one name make one key', async () => {
  const answers = await Promise.all(Array.from({ length: 20 }, () => create('the one')))

  expect(tally(answers)).toEqual({ '201': 1, '409 name_taken': 19 })
  expect(await ask.countRows()).toMatchObject({ keys: 1, values: 1 })
})

test('100 creations at once by someone who holds 15 keys leave exactly 20', async () => {
  await holdKeys(15)
  const { audit } = await ask.countRows()

  const answers = await Promise.all(Array.from({ length: 100 }, (_, at) => create(`new ${at}`)))

  expect(tally(answers)).toEqual({ '201': 5, '409 key_limit_reached': 95 })
  expect(await ask.countRows()).toEqual({ keys: 20, values: 20, audit: audit + 5 })
  for (const refused of answers.filter(({ status }) => status === 409)) {
    expect(refused.json.detail).toContain('20')
    expect(refused.body).not.toContain('lk_')
  }
})

test('the first 40 creations of someone who was never here before leave exactly 20', async () => {
  const headers = await service.as('alice', { claims: { sub: 'newcomer', preferred_username: 'new' } })

  const answers = await Promise.all(
    Array.from({ length: 40 }, (_, at) =>
      service.inject({ method: 'POST', url: '/api-keys', headers, payload: { name: `n${at}` } }),
    ),
  )

  expect(tally(answers)).toEqual({ '201': 20, '409 key_limit_reached': 20 })
})

test('creations mixed with renewals of revoked keys and with enabling leave exactly 20', async () => {
  const revoked = await holdRevokedKeys(12)
  const held = await holdKeys(15)
  for (const id of held.slice(0, 4)) await ask.as('alice', 'PATCH', `/api-keys/${id}`, { enabled: false })

  const answers = await Promise.all([
    ...Array.from({ length: 20 }, (_, at) => create(`new ${at}`)),
    ...revoked.map((id) => ask.as('alice', 'POST', `/api-keys/${id}/renew`)),
    ...held.slice(0, 4).map((id) => ask.as('alice', 'PATCH', `/api-keys/${id}`, { enabled: true })),
  ])

  const enabled = answers.slice(32)
  expect(tally(enabled)).toEqual({ '200': 4 })
  const { '201': made = 0, '200': renewed = 0, ...refused } = tally(answers.slice(0, 32))
  expect(made + renewed).toBe(5)
  expect(refused).toEqual({ '409 key_limit_reached': 27 })
  expect(await countWorking()).toBe(20)
})

test('neither revoked nor expired keys count', async () => {
  await holdRevokedKeys(10)
  for (let at = 0; at < 10; at++) await create(`short ${at}`, { expires_in: 60 })
  service.clock.advance(60_000)
  const held = await holdKeys(20)

  expectProblem(await create('one too many'), 409, 'key_limit_reached')

  expect(held).toHaveLength(20)
  expect(await service.db.prisma.apiKey.count()).toBe(40)
})

test('a disabled key counts: else disabling and making more would be no limit', async () => {
  const [first = ''] = await holdKeys(20)
  await ask.as('alice', 'PATCH', `/api-keys/${first}`, { enabled: false })

  expectProblem(await create('one too many'), 409, 'key_limit_reached')
  expect((await ask.as('alice', 'PATCH', `/api-keys/${first}`, { enabled: true })).status).toBe(200)
})

test('a place becomes free by revoking, by deleting and by time', async () => {
  const [first = '', second = ''] = await holdKeys(19)
  await create('short', { expires_in: 60 })
  expectProblem(await create('a'), 409, 'key_limit_reached')

  await ask.as('alice', 'POST', `/api-keys/${first}/revoke`)
  expect((await create('a')).status).toBe(201)
  expectProblem(await create('b'), 409, 'key_limit_reached')
  await ask.as('alice', 'DELETE', `/api-keys/${second}`)
  expect((await create('b')).status).toBe(201)
  expectProblem(await create('c'), 409, 'key_limit_reached')
  service.clock.advance(60_000)
  expect((await create('c')).status).toBe(201)
  expectProblem(await create('d'), 409, 'key_limit_reached')
})

test('an expired and a revoked key are renewed only into a free place, and stay as they are', async () => {
  const [revoked = ''] = await holdRevokedKeys(1)
  const expired = (await create('short', { expires_in: 1 })).json
  service.clock.advance(1000)
  await holdKeys(20)
  const before = await ask.countRows()

  for (const id of [revoked, expired.id]) {
    expectProblem(await ask.as('alice', 'POST', `/api-keys/${id}/renew`), 409, 'key_limit_reached')
  }

  expect((await ask.as('alice', 'GET', `/api-keys/${revoked}`)).json.status).toBe('revoked')
  expect((await ask.as('alice', 'GET', `/api-keys/${expired.id}`)).json.status).toBe('expired')
  expect(await ask.status(expired.value)).toBe(401)
  expect(await ask.countRows()).toEqual(before)
})

test('a full owner renews, rotates and disables the keys that work', async () => {
  const [first = ''] = await holdKeys(20)

  expect((await ask.as('alice', 'POST', `/api-keys/${first}/renew`)).status).toBe(200)
  expect((await ask.as('alice', 'POST', `/api-keys/${first}/rotate`)).status).toBe(200)
  expect((await ask.as('alice', 'PATCH', `/api-keys/${first}`, { enabled: false })).status).toBe(200)
})

test('everyone has a limit of their own', async () => {
  await holdKeys(20)

  expect((await ask.as('bob', 'POST', '/api-keys', { name: 'bob' })).status).toBe(201)
  expect(await service.db.prisma.apiKey.count({ where: { ownerSubject: subjects.alice } })).toBe(20)
})
