import { afterAll, beforeAll, expect, test } from 'vitest'
import { startService, type TestService } from '../support/service.js'
import { expectInvalid, expectProblem, requestsTo } from './requests.js'

let service: TestService
const ask = requestsTo(() => service)
beforeAll(async () => {
  service = await startService({ MAX_KEYS_PER_USER: '100' })
  service.clock.freeze('2026-11-21T12:00:00.000Z')
})
afterAll(() => service.close())

const revoke = (id: string, payload?: object) => ask.as('alice', 'POST', `/api-keys/${id}/revoke`, payload)
const renew = (id: string) => ask.as('alice', 'POST', `/api-keys/${id}/renew`)

test('a revoked key is refused on its next use', async () => {
  const { id, value } = await service.createKey('alice')
  expect(await ask.status(value)).toBe(200)

  const answer = await revoke(id)

  expect(answer.status).toBe(200)
  expect(answer.json).toMatchObject({
    id,
    status: 'revoked',
    enabled: true,
    revoked_at: '2026-11-21T12:00:00.000Z',
    revoked_by: 'owner',
  })
  expectProblem(await ask.with(value), 401, 'invalid_credential')
  expect((await ask.with(value, 'GET', '/catalog/collections')).json.code).toBe('invalid_credential')
})

test('revoking twice is revoking once: the same answer, the same time, one line in the ledger', async () => {
  const { id } = await service.createKey('alice')
  const first = await revoke(id)
  const rows = await ask.countRows()
  service.clock.advance(1000)

  const second = await revoke(id)

  expect(second.status).toBe(200)
  expect(second.json).toEqual(first.json)
  expect(await ask.countRows()).toEqual(rows)
})

test('a leaked key is revoked for good', async () => {
  const { id, value } = await service.createKey('alice')

  const answer = await revoke(id, { permanent: true })

  expect(answer.json).toMatchObject({ status: 'revoked', revoked_by: 'leak' })
  expectProblem(await renew(id), 409, 'permanently_revoked')
  expect(await ask.status(value)).toBe(401)
})

test('a revoked key can still be revoked for good, at the time it was revoked first', async () => {
  const { id } = await service.createKey('alice')
  const first = (await revoke(id)).json
  service.clock.advance(1000)

  const second = (await revoke(id, { permanent: true })).json

  expect(second).toEqual({ ...first, revoked_by: 'leak' })
  expectProblem(await renew(id), 409, 'permanently_revoked')
})

test('a plain revocation does not soften one for good', async () => {
  const { id } = await service.createKey('alice')
  const first = (await revoke(id, { permanent: true })).json

  expect((await revoke(id, { permanent: false })).json).toEqual(first)
  expect((await revoke(id)).json).toEqual(first)
  expectProblem(await renew(id), 409, 'permanently_revoked')
})

test('what an administrator revoked stays theirs, whatever the owner does', async () => {
  const { id, value } = await service.createKey('alice')
  const revokedAt = new Date(service.clock.now() - 1000)
  await service.db.prisma.apiKey.update({ where: { id }, data: { revokedAt, revokedBy: 'administrator' } })

  expect((await revoke(id)).json.revoked_by).toBe('administrator')
  expectProblem(await renew(id), 403, 'set_by_administrator')
  expect((await revoke(id, { permanent: true })).json).toMatchObject({
    revoked_by: 'administrator',
    revoked_at: revokedAt.toISOString(),
  })
  expectProblem(await renew(id), 409, 'permanently_revoked')
  service.clock.advance(5000)
  expect(await ask.status(value)).toBe(401)
})

test('expired and disabled keys are revoked as any, and then show that', async () => {
  const expired = await service.createKey('alice', { expires_in: 1 })
  const disabled = await service.createKey('alice')
  await ask.as('alice', 'PATCH', `/api-keys/${disabled.id}`, { enabled: false })
  service.clock.advance(1000)

  expect((await revoke(expired.id)).json.status).toBe('revoked')
  expect((await revoke(disabled.id)).json).toMatchObject({ status: 'revoked', enabled: false })
})

test('revoking ends every value of the key, those in their grace too', async () => {
  const { id, value } = await service.createKey('alice')
  const rotated = (await ask.as('alice', 'POST', `/api-keys/${id}/rotate`, { grace_seconds: 3600 })).json
    .value
  expect([await ask.status(value), await ask.status(rotated)]).toEqual([200, 200])

  await revoke(id)

  expect([await ask.status(value), await ask.status(rotated)]).toEqual([401, 401])
})

test('20 revocations at once are one', async () => {
  const { id } = await service.createKey('alice')
  const { audit } = await ask.countRows()

  const answers = await Promise.all(Array.from({ length: 20 }, () => revoke(id)))

  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
  expect((await ask.countRows()).audit).toBe(audit + 1)
})

test.each([
  ['{"permanent": "yes"}', 'permanent'],
  ['{"permanent": 1}', 'permanent'],
  ['{"permanent": null}', 'permanent'],
  ['{"permanently": true}', 'permanently'],
  ['{"revoked_by": "administrator"}', 'revoked_by'],
  ['[]', ''],
  ['null', ''],
  ['{', ''],
])('%s revokes nothing', async (body, member) => {
  const { id, value } = await service.createKey('alice')
  const rows = await ask.countRows()

  expectInvalid(await ask.raw('alice', 'POST', `/api-keys/${id}/revoke`, body), member)

  expect(await ask.countRows()).toEqual(rows)
  expect(await ask.status(value)).toBe(200)
})

test('JSON that was announced and not sent is no body, as many clients have it', async () => {
  const { id } = await service.createKey('alice')

  expect((await ask.raw('alice', 'POST', `/api-keys/${id}/revoke`, '')).json.status).toBe('revoked')
  expect((await ask.raw('alice', 'DELETE', `/api-keys/${id}`, '')).status).toBe(204)
})

test('the other keys of the owner go on', async () => {
  const one = await service.createKey('alice')
  const other = await service.createKey('alice')

  await revoke(one.id)

  expect(await ask.status(other.value)).toBe(200)
})
