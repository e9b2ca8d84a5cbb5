import { afterAll, beforeAll, expect, test } from 'vitest'
import { startService, type TestService } from '../support/service.js'
import { lookUpQuery, openWatchedDatabase, type WatchedDatabase } from '../support/watched-database.js'
import { aForgedValue, expectInvalid, expectProblem, requestsTo } from './requests.js'

let service: TestService
let db: WatchedDatabase
const ask = requestsTo(() => service)
beforeAll(async () => {
  db = await openWatchedDatabase()
  service = await startService(
    {
      KEY_PREFIX: 'acme7',
      KEY_LIFETIME_DAYS: '2',
      KEY_MAX_LIFETIME_DAYS: '3',
      ALLOW_NEVER_EXPIRES: 'false',
      MAX_KEYS_PER_USER: '4',
      VERDICT_MAX_STALE_SECONDS: '0',
    },
    { db },
  )
  service.clock.freeze('2026-11-21T12:00:00.000Z')
})
afterAll(() => service.close())

const inDays = (days: number) => new Date(service.clock.now() + days * 86_400_000).toISOString()
const create = (wanted: object) => ask.as('alice', 'POST', '/api-keys', { name: 'x', ...wanted })
const remove = (id: string) => ask.as('alice', 'DELETE', `/api-keys/${id}`)
const countLookUps = () => db.asked.filter(({ name }) => name === lookUpQuery).length

test('KEY_PREFIX begins every value, and values of another prefix cost no query', async () => {
  const { value, id } = await service.createKey('alice')
  expect(value).toMatch(/^acme7_[0-9A-Za-z]{8}_[0-9A-Za-z]{49}$/)
  expect(await ask.status(value)).toBe(200)
  expect((await service.inject({ url: '/me', headers: { authorization: `Bearer ${value}` } })).status).toBe(
    200,
  )
  const before = countLookUps()

  for (const other of [aForgedValue(id), value.replace('acme7', 'acme8'), value.replace('acme7', 'lk')])
    expectProblem(await ask.with(other), 401, 'invalid_credential')

  expect(countLookUps()).toBe(before)
  await remove(id)
})

test('KEY_LIFETIME_DAYS is how long a key lives, made or renewed', async () => {
  const { id, expires_at } = await service.createKey('alice')
  expect(expires_at).toBe(inDays(2))
  service.clock.advance(1000)

  expect((await ask.as('alice', 'POST', `/api-keys/${id}/renew`)).json.expires_at).toBe(inDays(2))
  await remove(id)
})

test('KEY_MAX_LIFETIME_DAYS is the longest life that a key may be given', async () => {
  const { id, expires_at } = await service.createKey('alice', { expires_in: 3 * 86_400 })
  const renew = (end: string) => ask.as('alice', 'POST', `/api-keys/${id}/renew`, { expires_at: end })

  expect(expires_at).toBe(inDays(3))
  expectInvalid(await create({ expires_in: 3 * 86_400 + 1 }), 'expires_in')
  expect((await renew(inDays(3))).status).toBe(200)
  expectInvalid(await renew(new Date(service.clock.now() + 3 * 86_400_000 + 1).toISOString()), 'expires_at')
  await remove(id)
})

test('ALLOW_NEVER_EXPIRES=false refuses keys without an end', async () => {
  const rows = await ask.countRows()

  expectProblem(await create({ never_expires: true }), 403, 'never_expires_not_allowed')

  expect(await ask.countRows()).toEqual(rows)
})

test('a key without an end from before goes on, and is renewed only with an end', async () => {
  const { id, value } = await service.createKey('alice')
  await db.prisma.apiKey.update({ where: { id }, data: { expiresAt: null } })
  service.clock.advance(30 * 86_400_000)
  const rows = await ask.countRows()

  expect(await ask.status(value)).toBe(200)
  expectProblem(await ask.as('alice', 'POST', `/api-keys/${id}/renew`), 403, 'never_expires_not_allowed')
  expect(await ask.countRows()).toEqual(rows)
  const renewed = await ask.as('alice', 'POST', `/api-keys/${id}/renew`, { expires_at: inDays(1) })
  expect(renewed.json).toMatchObject({ never_expires: false, expires_at: inDays(1) })
  await remove(id)
})

test('MAX_KEYS_PER_USER is how many working keys one person may hold', async () => {
  const ids = []
  for (let at = 0; at < 4; at++) ids.push((await service.createKey('alice')).id)

  const refused = await create({})

  expectProblem(refused, 409, 'key_limit_reached')
  expect(refused.json.detail).toContain('4')
  for (const id of ids) await remove(id)
})

test('VERDICT_MAX_STALE_SECONDS=0 asks the database each time, and lets nobody in while it is down', async () => {
  const { id, value } = await service.createKey('alice')
  expect(await ask.status(value)).toBe(200)

  db.isDown = true
  const down = await ask.with(value)
  db.isDown = false

  expectProblem(down, 503, 'unavailable')
  service.clock.advance(1000)
  await db.prisma.apiKey.update({ where: { id }, data: { enabled: false } })
  expect(await ask.status(value)).toBe(401)
  await remove(id)
})
