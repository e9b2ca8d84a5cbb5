import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { startService, type TestService } from '../support/service.js'
import { administrationOf, expectInvalid, expectProblem } from './world.js'

let service: TestService
const ask = administrationOf(() => service)
beforeAll(async () => {
  service = await startService()
})
afterAll(() => service.close())
beforeEach(async () => {
  await service.db.write((tx) => tx.apiKey.deleteMany())
  await service.db.write((tx) => tx.owner.deleteMany({ where: { kind: 'server' } }))
})

const revoke = (ids: unknown, more: object = {}) =>
  ask.admin('POST', '/admin/api-keys/revoke', { ids, ...more })

test('keys of several owners are revoked at once, with a line of the ledger each', async () => {
  const keys = [await service.createKey('bob'), await ask.serverKey(), await service.createKey('alice')]
  const other = await service.createKey('bob')
  for (const { value } of [...keys, other]) expect((await ask.with(value)).status).toBe(200)
  const ids = keys.map(({ id }) => id)

  const answer = await revoke(ids)

  expect(answer.status).toBe(200)
  expect(answer.json.revoked).toEqual(ids)
  expect(answer.json.items.map(({ id, status }: { id: string; status: string }) => [id, status])).toEqual(
    ids.map((id) => [id, 'revoked']),
  )
  for (const { id, value } of keys) {
    expect((await ask.with(value)).status).toBe(401)
    expect(answer.body).not.toContain(value)
    const lines = (await ask.linesOf(id)).filter(({ action }) => action === 'key.revoked')
    expect(lines).toMatchObject([
      { actorLogin: 'alice', requestId: answer.headers['x-request-id'], details: { permanent: false } },
    ])
  }
  expectProblem(await ask.bob('POST', `/api-keys/${ids[0]}/renew`), 403, 'set_by_administrator')
  expect((await ask.with(other.value)).status).toBe(200)
})

test('one unknown id refuses all, is named by its place, and nothing is revoked', async () => {
  const { id, value } = await service.createKey('bob')

  const answer = await revoke([id, 'unknown', id, 'Unknown2'])

  expectProblem(answer, 404, 'not_found')
  expect(answer.json.detail).toContain('ids.1, ids.3.')
  expect((await ask.with(value)).status).toBe(200)
  expect(await ask.linesOf(id)).toHaveLength(1)
})

test('an id that is given twice is revoked once', async () => {
  const { id } = await service.createKey('bob')

  const answer = await revoke([id, id])

  expect(answer.json.revoked).toEqual([id])
  expect(answer.json.items).toHaveLength(1)
  expect(await ask.linesOf(id)).toHaveLength(2)
})

test('a key that its owner had revoked becomes an administrator’s, and a second time changes nothing', async () => {
  const { id } = await service.createKey('bob')
  const own = await ask.bob('POST', `/api-keys/${id}/revoke`)

  const [first, second] = [await revoke([id]), await revoke([id])]

  expect(first.json).toMatchObject({ revoked: [id], items: [{ id, revoked_by: 'administrator' }] })
  expect(first.json.items[0].revoked_at).toBe(own.json.revoked_at)
  expect(second.json).toMatchObject({ revoked: [], items: [{ id, status: 'revoked' }] })
  expect(await ask.linesOf(id)).toHaveLength(3)
})

test('an old value in its grace and the links of a key end with it', async () => {
  const { id, value } = await ask.serverKey()
  await ask.admin('POST', `/admin/api-keys/${id}/rotate`, { grace_seconds: 3600 })
  const { linkGeneration } = await service.db.prisma.apiKey.findUniqueOrThrow({ where: { id } })

  await revoke([id])
  const renewed = await ask.admin('POST', `/admin/api-keys/${id}/renew`)

  expect(renewed.json).toMatchObject({ status: 'active', previous_values: [] })
  expect((await ask.with(value)).status).toBe(401)
  expect(
    (await service.db.prisma.apiKey.findUniqueOrThrow({ where: { id } })).linkGeneration,
  ).toBeGreaterThan(linkGeneration)
})

test('200 keys are revoked, 201 are not', async () => {
  const { id } = await service.createKey('bob')

  expect((await revoke(Array.from({ length: 200 }, () => id))).json.revoked).toEqual([id])
  expectInvalid(await revoke(Array.from({ length: 201 }, () => id)), 'ids')
})

test.each([[[]], [undefined], ['Zk3vQ9aB'], [[1]], [[null]]])('%j are no ids', async (ids) => {
  const answer = await revoke(ids)

  expectProblem(answer, 400, 'validation_failed')
  expect(answer.json.errors[0].path).toMatch(/^ids/)
})

test('a value instead of an id is refused and not repeated', async () => {
  const { value } = await service.createKey('bob')

  const answer = await revoke([value])

  expectInvalid(answer, 'ids.0')
  expect(answer.body).not.toContain(value)
})

test('a member that is none is refused, and a person may not ask', async () => {
  const { id, value } = await service.createKey('bob')

  expectInvalid(await revoke([id], { owner: 'bob' }), 'owner')
  expectProblem(await ask.bob('POST', '/admin/api-keys/revoke', { ids: [id] }), 403, 'insufficient_scope')
  expect((await ask.with(value)).status).toBe(200)
})
