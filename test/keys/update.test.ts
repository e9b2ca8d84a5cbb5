import { afterAll, beforeAll, expect, test } from 'vitest'
import { startService, type TestService } from '../support/service.js'
import { expectInvalid, expectProblem, requestsTo, subjects } from './requests.js'

let service: TestService
const ask = requestsTo(() => service)
beforeAll(async () => {
  service = await startService({ MAX_KEYS_PER_USER: '100' })
  service.clock.freeze('2026-11-21T12:00:00.000Z')
})
afterAll(() => service.close())

const update = (id: string, payload: object) => ask.as('alice', 'PATCH', `/api-keys/${id}`, payload)
const show = async (id: string) => (await ask.as('alice', 'GET', `/api-keys/${id}`)).json
const lastAction = async () =>
  (await service.db.prisma.auditEvent.findFirstOrThrow({ orderBy: { id: 'desc' } })).action

test.each([
  { name: 'renamed' },
  { note: 'moved to node 8' },
  { note: '' },
  { allowed_referers: ['portal.example.org'] },
  { allowed_ips: ['10.0.0.0/8'] },
  { config: { project: 'other' } },
  { config: {} },
])('%j changes that and nothing else', async (wanted) => {
  const { value, ...key } = await service.createKey('alice', {
    note: 'before',
    allowed_referers: ['before.example'],
    allowed_ips: ['192.0.2.1'],
    config: { before: true },
  })

  const answer = await update(key.id, wanted)

  expect(answer.status).toBe(200)
  expect(answer.json).toEqual({ ...key, ...wanted })
  expect(await show(key.id)).toEqual(answer.json)
  expect(await lastAction()).toBe('key.updated')
  await ask.as('alice', 'DELETE', `/api-keys/${key.id}`)
})

test('a paused key is refused on its next use, and works again once it is enabled', async () => {
  const { id, value } = await service.createKey('alice')
  expect(await ask.status(value)).toBe(200)

  expect((await update(id, { enabled: false })).json).toMatchObject({ enabled: false, status: 'disabled' })
  expect(await lastAction()).toBe('key.disabled')
  expectProblem(await ask.with(value), 401, 'invalid_credential')

  expect((await update(id, { enabled: true })).json).toMatchObject({ enabled: true, status: 'active' })
  expect(await lastAction()).toBe('key.enabled')
  expect(await ask.status(value)).toBe(200)
})

test('new bounds hold from the very next call', async () => {
  const { id, value } = await service.createKey('alice')
  expect(await ask.status(value)).toBe(200)

  await update(id, { allowed_ips: ['192.0.2.1'] })
  expectProblem(await ask.with(value), 403, 'address_not_allowed')

  await update(id, { allowed_ips: ['127.0.0.0/8'], allowed_referers: ['portal.example.org'] })
  expectProblem(await ask.with(value), 403, 'referer_not_allowed')

  await update(id, { allowed_referers: [] })
  expect(await ask.status(value)).toBe(200)
})

test('a bound of every address lets every address in', async () => {
  const { value } = await service.createKey('alice', { allowed_ips: ['0.0.0.0/0', '::/0'] })

  expect(await ask.status(value)).toBe(200)
})

test('a key may keep its name, and take one that is free again', async () => {
  const one = await service.createKey('alice', { name: 'one' })
  const other = await service.createKey('alice', { name: 'other' })

  expect((await update(one.id, { name: 'one' })).status).toBe(200)
  expectProblem(await update(one.id, { name: 'other' }), 409, 'name_taken')
  await ask.as('alice', 'DELETE', `/api-keys/${other.id}`)
  expect((await update(one.id, { name: 'other' })).json.name).toBe('other')
})

test('of 20 keys that take one name at once, one has it', async () => {
  const keys = await Promise.all(Array.from({ length: 20 }, () => service.createKey('alice')))

  const answers = await Promise.all(keys.map(({ id }) => update(id, { name: 'contested' })))

  expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
  expect(answers.filter(({ json }) => json.code === 'name_taken')).toHaveLength(19)
  const names = await service.db.prisma.apiKey.count({
    where: { ownerSubject: subjects.alice, name: 'contested' },
  })
  expect(names).toBe(1)
})

test('a refused change changes nothing, not even its good parts', async () => {
  await service.createKey('alice', { name: 'occupied' })
  const { id } = await service.createKey('alice', { name: 'still' })
  const before = await show(id)
  const rows = await ask.countRows()

  expectProblem(await update(id, { note: 'new', name: 'occupied', enabled: false }), 409, 'name_taken')

  expect(await show(id)).toEqual(before)
  expect(await ask.countRows()).toEqual(rows)
})

test('what an administrator disabled its owner cannot enable', async () => {
  const { id, value } = await service.createKey('alice')
  await service.db.prisma.apiKey.update({
    where: { id },
    data: { enabled: false, disabledBy: 'administrator' },
  })
  const rows = await ask.countRows()

  expectProblem(await update(id, { enabled: true }), 403, 'set_by_administrator')
  expectProblem(await update(id, { enabled: true, note: 'please' }), 403, 'set_by_administrator')

  expect(await ask.countRows()).toEqual(rows)
  expect(await show(id)).toMatchObject({ status: 'disabled', note: '' })
  expect(await ask.status(value)).toBe(401)
})

test('disabling it once more does not make it the owner’s to enable', async () => {
  const { id } = await service.createKey('alice')
  await service.db.prisma.apiKey.update({
    where: { id },
    data: { enabled: false, disabledBy: 'administrator' },
  })

  expect((await update(id, { enabled: false, note: 'noted' })).json.note).toBe('noted')
  expectProblem(await update(id, { enabled: true }), 403, 'set_by_administrator')
})

test.each([
  ['{}', ''],
  ['', ''],
  ['[]', ''],
  ['{"name": ""}', 'name'],
  ['{"name": null}', 'name'],
  [JSON.stringify({ name: 'x'.repeat(101) }), 'name'],
  ['{"note": "\\u0000"}', 'note'],
  ['{"enabled": "false"}', 'enabled'],
  ['{"enabled": 0}', 'enabled'],
  ['{"allowed_referers": ["*"]}', 'allowed_referers.0'],
  ['{"allowed_referers": "a.example"}', 'allowed_referers'],
  ['{"allowed_ips": ["everywhere"]}', 'allowed_ips.0'],
  ['{"config": {"a": "\\udc00"}}', 'config'],
  [`{"config": {"a": "${'x'.repeat(4090)}"}}`, 'config'],
  [`{"config": {"a": ${'['.repeat(20_000)}${']'.repeat(20_000)}}}`, 'config'],
  ['{"config": {"__proto__": {}}}', ''],
  ['{"scopes": ["rspy-user"]}', 'scopes'],
  ['{"read_only": false}', 'read_only'],
  ['{"expires_at": null}', 'expires_at'],
  ['{"never_expires": true}', 'never_expires'],
  ['{"limits": {}}', 'limits'],
  ['{"status": "active"}', 'status'],
  ['{"owner": {"subject": "x"}}', 'owner'],
])('%s is no change of a key', async (body, member) => {
  const { id } = await service.createKey('alice')
  const before = await show(id)
  const rows = await ask.countRows()

  expectInvalid(await ask.raw('alice', 'PATCH', `/api-keys/${id}`, body), member)

  expect(await show(id)).toEqual(before)
  expect(await ask.countRows()).toEqual(rows)
  await ask.as('alice', 'DELETE', `/api-keys/${id}`)
})
