import { afterAll, beforeAll, expect, test } from 'vitest'
import { startService, type TestService } from '../support/service.js'
import { expectProblem, requestsTo } from './requests.js'

let service: TestService
const ask = requestsTo(() => service)
beforeAll(async () => {
  service = await startService()
})
afterAll(() => service.close())

const remove = (id: string) => ask.as('alice', 'DELETE', `/api-keys/${id}`)

test('a deleted key is gone: refused, not shown, not listed, not to be deleted again', async () => {
  const { id, value } = await service.createKey('alice', { name: 'gone' })
  expect(await ask.status(value)).toBe(200)

  const answer = await remove(id)

  expect({ status: answer.status, body: answer.body }).toEqual({ status: 204, body: '' })
  expect(answer.headers['cache-control']).toBe('no-store')
  expectProblem(await ask.with(value), 401, 'invalid_credential')
  expectProblem(await ask.as('alice', 'GET', `/api-keys/${id}`), 404, 'not_found')
  expectProblem(await ask.as('alice', 'POST', `/api-keys/${id}/renew`), 404, 'not_found')
  expectProblem(await ask.as('alice', 'POST', `/api-keys/${id}/rotate`), 404, 'not_found')
  expectProblem(await remove(id), 404, 'not_found')
  expect((await ask.as('alice', 'GET', '/api-keys')).body).not.toContain(id)
})

test('its name is free again, for a key with another id and another value', async () => {
  const before = await service.createKey('alice', { name: 'reused' })
  await remove(before.id)

  const after = await service.createKey('alice', { name: 'reused' })

  expect(after.id).not.toBe(before.id)
  expect([await ask.status(before.value), await ask.status(after.value)]).toEqual([401, 200])
})

test('nothing of it is left but what the ledger says', async () => {
  const { id, value } = await service.createKey('alice')
  await ask.as('alice', 'POST', `/api-keys/${id}/rotate`, { grace_seconds: 60 })
  await ask.with(value)
  const { prisma } = service.db
  await expect.poll(() => prisma.apiKeyUsage.count({ where: { keyId: id } }), { timeout: 5000 }).toBe(1)

  await remove(id)

  expect(await prisma.apiKeyValue.count({ where: { keyId: id } })).toBe(0)
  expect(await prisma.apiKeyUsage.count({ where: { keyId: id } })).toBe(0)
  expect(await prisma.auditEvent.count({ where: { targetId: id } })).toBe(3)
})

test('a revoked key, even one for good, may be deleted', async () => {
  const { id } = await service.createKey('alice')
  await ask.as('alice', 'POST', `/api-keys/${id}/revoke`, { permanent: true })

  expect((await remove(id)).status).toBe(204)
})

test('of ten deletions at once one is told that it was done', async () => {
  const { id } = await service.createKey('alice')

  const answers = await Promise.all(Array.from({ length: 10 }, () => remove(id)))

  expect(answers.map(({ status }) => status).sort()).toEqual([204, ...Array(9).fill(404)])
  expect(await service.db.prisma.auditEvent.count({ where: { targetId: id, action: 'key.deleted' } })).toBe(1)
})
