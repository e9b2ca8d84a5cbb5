import { afterAll, beforeAll, expect, test } from 'vitest'
import { startService, type TestService } from '../support/service.js'
import { expectInvalid, expectProblem, requestsTo } from './requests.js'

let service: TestService
const ask = requestsTo(() => service)
const start = new Date('2026-11-21T12:00:00.000Z').getTime()
beforeAll(async () => {
  service = await startService({ MAX_KEYS_PER_USER: '100' })
  service.clock.freeze(new Date(start))
})
afterAll(() => service.close())

const day = 86_400_000
const inMs = (ms: number) => new Date(service.clock.now() + ms).toISOString()
const renew = (id: string, payload?: object) => ask.as('alice', 'POST', `/api-keys/${id}/renew`, payload)
const revoke = (id: string, payload?: object) => ask.as('alice', 'POST', `/api-keys/${id}/revoke`, payload)

test('a renewed key lives for another 15 days from now, not from its end', async () => {
  const { id, value } = await service.createKey('alice', { expires_in: 200 * 86_400 })
  service.clock.advance(5 * day)

  const answer = await renew(id)

  expect(answer.json).toMatchObject({ id, status: 'active', expires_at: inMs(15 * day) })
  expect(await ask.status(value)).toBe(200)
})

test('an expired key works again with the value it had', async () => {
  const { id, value } = await service.createKey('alice', { expires_in: 60 })
  service.clock.advance(60_000)
  expectProblem(await ask.with(value), 401, 'invalid_credential')

  expect((await renew(id)).json.status).toBe('active')

  expect(await ask.status(value)).toBe(200)
})

test('a revoked key works again, and nothing of the revocation is left', async () => {
  const { id, value } = await service.createKey('alice')
  await revoke(id)

  const answer = await renew(id)

  expect(answer.json).toMatchObject({ status: 'active', revoked_at: null, revoked_by: null })
  expect(await ask.status(value)).toBe(200)
})

test('a key may end at a time of its owner’s choice, in any zone', async () => {
  const { id } = await service.createKey('alice')

  expect((await renew(id, { expires_at: inMs(1) })).json.expires_at).toBe(inMs(1))
  expect((await renew(id, { expires_at: inMs(366 * day) })).json.expires_at).toBe(inMs(366 * day))
  expect((await renew(id, { expires_at: '2027-01-01T00:30:00.5+01:00' })).json.expires_at).toBe(
    '2026-12-31T23:30:00.500Z',
  )
})

test('a never-expiring key stays so, unless it is given an end', async () => {
  const { id } = await service.createKey('alice', { never_expires: true })
  await revoke(id)

  expect((await renew(id)).json).toMatchObject({ never_expires: true, expires_at: null, status: 'active' })
  expect((await renew(id, { expires_at: inMs(day) })).json).toMatchObject({
    never_expires: false,
    expires_at: inMs(day),
  })
  expect((await renew(id)).json).toMatchObject({ never_expires: false, expires_at: inMs(15 * day) })
})

test('renewing does not enable: a key that was paused stays paused', async () => {
  const { id, value } = await service.createKey('alice')
  await ask.as('alice', 'PATCH', `/api-keys/${id}`, { enabled: false })
  await revoke(id)

  expect((await renew(id)).json).toMatchObject({ status: 'disabled', enabled: false })
  expect(await ask.status(value)).toBe(401)
})

test.each([
  ['now', () => inMs(0)],
  ['the past', () => inMs(-1)],
  ['the year 1', () => '0001-01-01T00:00:00Z'],
  ['a millisecond too far', () => inMs(366 * day + 1)],
  ['the year 9999', () => '9999-12-31T23:59:59Z'],
  ['a leap second', () => '2026-12-31T23:59:60Z'],
  ['a day that is none', () => '2027-02-29T00:00:00Z'],
  ['hour 24', () => '2026-12-01T24:00:00Z'],
  ['no zone', () => '2026-12-01T00:00:00'],
  ['half a zone', () => '2026-12-01T00:00:00+02'],
  ['a date', () => '2026-12-01'],
  ['a number', () => 1_800_000_000],
  ['null', () => null],
  ['nothing', () => ''],
  ['words', () => 'tomorrow'],
  ['a year of five digits', () => '+012026-12-01T00:00:00Z'],
])('%s is no end for a key', async (_what, end) => {
  const { id, expires_at } = await service.createKey('alice')
  await revoke(id)
  const rows = await ask.countRows()

  expectInvalid(await renew(id, { expires_at: end() }), 'expires_at')

  expect(await ask.countRows()).toEqual(rows)
  expect((await ask.as('alice', 'GET', `/api-keys/${id}`)).json).toMatchObject({
    status: 'revoked',
    expires_at,
  })
})

test.each(['never_expires', 'expires_in', 'revoked_at'])('a renewal knows no %s', async (member) => {
  const { id } = await service.createKey('alice')

  expectInvalid(await renew(id, { [member]: true }), member)
})

test('a key that was revoked for good is not renewed', async () => {
  const { id, value } = await service.createKey('alice')
  await revoke(id, { permanent: true })
  const rows = await ask.countRows()

  expectProblem(await renew(id), 409, 'permanently_revoked')
  expectProblem(await renew(id, { expires_at: inMs(day) }), 409, 'permanently_revoked')

  expect(await ask.countRows()).toEqual(rows)
  expect(await ask.status(value)).toBe(401)
})

test('a key that an administrator revoked is not renewed by its owner', async () => {
  const { id, value } = await service.createKey('alice')
  const revokedAt = new Date(service.clock.now())
  await service.db.prisma.apiKey.update({ where: { id }, data: { revokedAt, revokedBy: 'administrator' } })
  const rows = await ask.countRows()

  expectProblem(await renew(id), 403, 'set_by_administrator')

  expect(await ask.countRows()).toEqual(rows)
  expect(await ask.status(value)).toBe(401)
})

test('a key is good until the millisecond of its end, whichever way the clock goes', async () => {
  service.clock.freeze('2027-03-01T00:00:00.000Z')
  const { id, value } = await service.createKey('alice', { expires_in: 3600 })
  const end = service.clock.now() + 3_600_000
  const at = async (ms: number) => {
    service.clock.freeze(new Date(end + ms))
    return [await ask.status(value), (await ask.as('alice', 'GET', `/api-keys/${id}`)).json.status]
  }

  expect(await at(-3_600_000)).toEqual([200, 'active'])
  expect(await at(-1)).toEqual([200, 'active'])
  expect(await at(0)).toEqual([401, 'expired'])
  expect(await at(-1)).toEqual([200, 'active'])
  expect(await at(1)).toEqual([401, 'expired'])
  expect(await at(400 * day)).toEqual([401, 'expired'])
  expect(await at(-3_600_000)).toEqual([200, 'active'])
})
