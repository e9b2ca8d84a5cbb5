import { hash } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startService, type TestService } from '../support/service.js'
import { requestsTo, subjects } from './requests.js'

let service: TestService
const ask = requestsTo(() => service)
beforeAll(async () => {
  service = await startService({ TRUST_PROXY: '127.0.0.1' })
  service.clock.freeze('2026-11-21T12:00:00.000Z')
})
afterAll(() => service.close())

const linesOf = (targetId: string) =>
  service.db.prisma.auditEvent.findMany({ where: { targetId }, orderBy: { id: 'asc' } })

test('every change leaves one line: who, how, what, from where, when and in which request', async () => {
  const headers = { ...(await service.as('alice')), 'x-forwarded-for': '203.0.113.9' }
  const change = (method: 'POST' | 'PATCH' | 'DELETE', url: string, payload: object = {}) =>
    service.inject({ method, url, headers, payload })
  const created = await change('POST', '/api-keys', { name: 'ledger', scopes: ['rspy-user'] })
  const path = `/api-keys/${created.json.id}`
  const expected = [
    [created, 'key.created', { name: 'ledger', scopes: ['rspy-user'] }],
    [await change('PATCH', path, { note: 'n', config: {} }), 'key.updated', { changed: ['config', 'note'] }],
    [await change('PATCH', path, { enabled: false }), 'key.disabled', { changed: ['enabled'] }],
    [await change('PATCH', path, { enabled: true }), 'key.enabled', { changed: ['enabled'] }],
    [await change('POST', `${path}/rotate`, { grace_seconds: 60 }), 'key.rotated', { grace_seconds: 60 }],
    [await change('POST', `${path}/revoke`), 'key.revoked', { permanent: false }],
    [await change('POST', `${path}/renew`), 'key.renewed', { expires_at: '2026-12-06T12:00:00.000Z' }],
    [await change('POST', `${path}/revoke`, { permanent: true }), 'key.revoked', { permanent: true }],
    [await change('DELETE', path), 'key.deleted', { name: 'ledger' }],
  ] as const

  const lines = await linesOf(created.json.id)

  expect(lines.map(({ id, ...line }) => line)).toEqual(
    expected.map(([answer, action, details]) => ({
      at: new Date('2026-11-21T12:00:00.000Z'),
      actorSubject: subjects.alice,
      actorLogin: 'alice',
      via: 'oauth2',
      actorKeyId: null,
      action,
      targetId: created.json.id,
      ownerSubject: subjects.alice,
      address: '203.0.113.9',
      requestId: answer.headers['x-request-id'],
      details,
    })),
  )
})

test('a key that revokes itself is named as the actor', async () => {
  const { id, value } = await service.createKey('alice')

  await ask.with(value, 'POST', `/api-keys/${id}/revoke`)

  expect((await linesOf(id)).at(-1)).toMatchObject({ action: 'key.revoked', via: 'api-key', actorKeyId: id })
})

test('reading leaves no line', async () => {
  const { id, value } = await service.createKey('alice')
  const { audit } = await ask.countRows()

  await ask.as('alice', 'GET', `/api-keys/${id}`)
  await ask.as('alice', 'GET', '/api-keys')
  await ask.with(value)

  expect((await ask.countRows()).audit).toBe(audit)
})

test('of a value only its hash is stored, and not even that in the ledger', async () => {
  const created = await service.createKey('alice', { note: 'searched for', never_expires: true })
  const path = `/api-keys/${created.id}`
  const rotated = (await ask.as('alice', 'POST', `${path}/rotate`, { grace_seconds: 600 })).json
  for (const value of [created.value, rotated.value]) await ask.with(value)
  await ask.as('alice', 'PATCH', path, { note: 'found' })
  await ask.as('alice', 'POST', `${path}/revoke`)
  await service.createKey('alice', { name: 'flushed' })
  await expect
    .poll(() => service.db.prisma.apiKeyUsage.count({ where: { keyId: created.id } }), { timeout: 5000 })
    .toBe(1)

  const tables = await service.db.query<{ name: string }>({
    name: 'tables',
    text: `SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'`,
    values: [],
  })
  expect(tables.length).toBeGreaterThan(5)
  for (const { name } of tables) {
    const rows = await service.db.query<{ row: string }>({
      name: `all-${name}`,
      text: `SELECT t::text AS row FROM "${name}" t`,
      values: [],
    })
    const text = rows.map(({ row }) => row).join('\n')
    for (const value of [created.value, rotated.value]) {
      const secret = value.slice(12)
      for (const part of [value, secret, secret.slice(0, 43), secret.slice(0, 12)]) {
        expect(text).not.toContain(part)
        expect(text).not.toContain(Buffer.from(part).toString('hex'))
        expect(text).not.toContain(Buffer.from(part).toString('base64').replace(/=+$/, '').slice(0, -2))
      }
      const isThere = text.includes(hash('sha256', value, 'hex'))
      expect({ name, isThere }).toEqual({ name, isThere: name === 'api_key_values' })
    }
  }
})

test('neither is a value in the log, not even of a refused or misplaced one', async () => {
  const { id, value } = await service.createKey('alice')
  await ask.with(value)
  await ask.with(`${value}x`)
  await service.inject({ url: `/api-keys/${value}`, headers: await service.as('alice') })
  await service.inject({ url: `/me?api_key=${value}` })
  await ask.as('alice', 'POST', `/api-keys/${id}/rotate`)

  const log = service.log.join('\n')

  expect(log).toContain(id)
  expect(log).not.toContain(value.slice(12, 40))
  expect(log).not.toContain(hash('sha256', value, 'hex'))
})
