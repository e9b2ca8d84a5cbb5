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

const rotate = (id: string, payload?: object) => ask.as('alice', 'POST', `/api-keys/${id}/rotate`, payload)
const show = async (id: string) => (await ask.as('alice', 'GET', `/api-keys/${id}`)).json
const inMs = (ms: number) => new Date(service.clock.now() + ms).toISOString()
const hourMs = 3_600_000

test('a rotated key keeps its id and everything else; the old value ends at once', async () => {
  const { value, ...key } = await service.createKey('alice', { note: 'kept', config: { a: 1 } })

  const answer = await rotate(key.id)

  const { value: newValue, ...rotated } = answer.json
  expect(answer.status).toBe(200)
  expect(rotated).toEqual(key)
  expect(newValue).toMatch(new RegExp(`^lk_${key.id}_[0-9A-Za-z]{49}$`))
  expect(newValue).not.toBe(value)
  expectProblem(await ask.with(value), 401, 'invalid_credential')
  expect(await ask.status(newValue)).toBe(200)
  expect(await service.db.prisma.apiKeyValue.count({ where: { keyId: key.id } })).toBe(1)
})

test('within its grace the old value works beside the new one, and not a millisecond longer', async () => {
  const { id, value } = await service.createKey('alice')

  const rotated = (await rotate(id, { grace_seconds: 3600 })).json

  expect(rotated.previous_values).toEqual([{ valid_until: inMs(hourMs), last_used_at: null }])
  expect([await ask.status(value), await ask.status(rotated.value)]).toEqual([200, 200])
  service.clock.advance(hourMs - 1)
  expect([await ask.status(value), await ask.status(rotated.value)]).toEqual([200, 200])
  service.clock.advance(1)
  expectProblem(await ask.with(value), 401, 'invalid_credential')
  expect(await ask.status(rotated.value)).toBe(200)
  expect((await show(id)).previous_values).toEqual([])
  service.clock.advance(-1)
  expect(await ask.status(value)).toBe(200)
})

test('a grace does not outlive the key', async () => {
  const { id, value } = await service.createKey('alice', { expires_in: 60 })
  await rotate(id, { grace_seconds: 3600 })

  service.clock.advance(60_000)

  expect(await ask.status(value)).toBe(401)
})

test('two rotations leave each old value its own grace', async () => {
  const first = await service.createKey('alice')
  service.clock.advance(1000)
  const second = (await rotate(first.id, { grace_seconds: 3600 })).json
  service.clock.advance(1000)
  const third = (await rotate(first.id, { grace_seconds: 7200 })).json

  expect(third.previous_values).toEqual([
    { valid_until: inMs(2 * hourMs), last_used_at: null },
    { valid_until: inMs(hourMs - 1000), last_used_at: null },
  ])
  const statuses = async () => Promise.all([first, second, third].map(({ value }) => ask.status(value)))
  expect(await statuses()).toEqual([200, 200, 200])
  service.clock.advance(hourMs)
  expect(await statuses()).toEqual([401, 200, 200])
  service.clock.advance(hourMs)
  expect(await statuses()).toEqual([401, 401, 200])
})

test('no old value outlives one that is younger', async () => {
  const first = await service.createKey('alice')
  await rotate(first.id, { grace_seconds: 7200 })
  const { previous_values } = (await rotate(first.id, { grace_seconds: 3600 })).json

  expect(previous_values.map((old: { valid_until: string }) => old.valid_until)).toEqual([
    inMs(hourMs),
    inMs(hourMs),
  ])
})

test('a revocation ends the old values for good, and a renewal does not bring them back', async () => {
  const first = await service.createKey('alice')
  const second = (await rotate(first.id, { grace_seconds: 3600 })).json
  await ask.as('alice', 'POST', `/api-keys/${first.id}/revoke`)
  const renewed = await ask.as('alice', 'POST', `/api-keys/${first.id}/renew`)

  expect(renewed.json.previous_values).toEqual([])
  expect(await ask.status(first.value)).toBe(401)
  expect(await ask.status(second.value)).toBe(200)
})

test('after a rotation without grace only the new value works, whatever older ones were promised', async () => {
  const first = await service.createKey('alice')
  const second = (await rotate(first.id, { grace_seconds: 3600 })).json
  const third = (await rotate(first.id)).json

  expect(await ask.status(first.value)).toBe(401)
  expect(await ask.status(second.value)).toBe(401)
  expect(await ask.status(third.value)).toBe(200)
  expect(third.previous_values).toEqual([])
})

test('the last use of an old value is shown apart, so its owner sees who has not changed over', async () => {
  const { id, value } = await service.createKey('alice')
  const rotated = (await rotate(id, { grace_seconds: 3600 })).json
  service.clock.advance(1000)
  await ask.with(value)
  const usedAt = inMs(0)
  service.clock.advance(1000)
  await ask.with(rotated.value)

  await expect.poll(async () => (await show(id)).usage.total, { timeout: 5000 }).toBe(2)

  const { usage, previous_values } = await show(id)
  expect(previous_values).toEqual([{ valid_until: inMs(hourMs - 2000), last_used_at: usedAt }])
  expect(usage.last_used_at).toBe(inMs(0))
})

test('20 rotations at once leave exactly one current value', async () => {
  const { id, value } = await service.createKey('alice')
  const { audit } = await ask.countRows()

  const answers = await Promise.all(Array.from({ length: 20 }, () => rotate(id)))

  const values: string[] = answers.map(({ json }) => json.value)
  const statuses = await Promise.all(values.map((each) => ask.status(each)))
  expect(new Set(values).size).toBe(20)
  expect(statuses.filter((status) => status === 200)).toHaveLength(1)
  expect(await ask.status(value)).toBe(401)
  expect(await service.db.prisma.apiKeyValue.count({ where: { keyId: id } })).toBe(1)
  expect((await ask.countRows()).audit).toBe(audit + 20)
})

test('rotations at once with a grace leave one current value as well', async () => {
  const { id } = await service.createKey('alice')

  await Promise.all(Array.from({ length: 5 }, () => rotate(id, { grace_seconds: 60 })))

  expect(await service.db.prisma.apiKeyValue.count({ where: { keyId: id, validUntil: null } })).toBe(1)
  expect((await show(id)).previous_values).toHaveLength(5)
})

test('ten old values may be in their grace; then a rotation has none to give', async () => {
  const { id, value } = await service.createKey('alice')
  for (let at = 0; at < 10; at++) await rotate(id, { grace_seconds: 60 })
  const rows = await ask.countRows()

  const refused = await rotate(id, { grace_seconds: 60 })

  expectInvalid(refused, 'grace_seconds')
  expect(await ask.countRows()).toEqual(rows)
  expect((await rotate(id)).json.previous_values).toEqual([])
  expect(await ask.status(value)).toBe(401)
  service.clock.advance(60_000)
  expect((await rotate(id, { grace_seconds: 60 })).status).toBe(200)
  expect(await service.db.prisma.apiKeyValue.count({ where: { keyId: id } })).toBe(2)
})

test('the longest grace is 30 days', async () => {
  const { id } = await service.createKey('alice')

  const { previous_values } = (await rotate(id, { grace_seconds: 30 * 86_400 })).json

  expect(previous_values[0].valid_until).toBe(inMs(30 * 86_400_000))
})

test.each([-1, 0.5, 30 * 86_400 + 1, '60', null, true])('a grace of %s seconds is refused', async (grace) => {
  const { id, value } = await service.createKey('alice')
  const rows = await ask.countRows()

  const answer = await rotate(id, { grace_seconds: grace })

  expectInvalid(answer, 'grace_seconds')
  expect(answer.body).not.toContain('lk_')
  expect(await ask.countRows()).toEqual(rows)
  expect(await ask.status(value)).toBe(200)
})

test.each(['value', 'secret', 'id', 'expires_at'])('a rotation lets nobody choose the %s', async (member) => {
  const { id } = await service.createKey('alice')

  expectInvalid(await rotate(id, { [member]: 'lk_aaaaaaaa_chosen' }), member)
})

test('rotating does not revive: a revoked, a disabled and an expired key stay so', async () => {
  const revoked = await service.createKey('alice')
  const disabled = await service.createKey('alice')
  const expired = await service.createKey('alice', { expires_in: 1 })
  await ask.as('alice', 'POST', `/api-keys/${revoked.id}/revoke`)
  await ask.as('alice', 'PATCH', `/api-keys/${disabled.id}`, { enabled: false })
  service.clock.advance(1000)

  for (const [{ id }, status] of [
    [revoked, 'revoked'],
    [disabled, 'disabled'],
    [expired, 'expired'],
  ] as const) {
    const rotated = (await rotate(id, { grace_seconds: 60 })).json
    expect(rotated.status).toBe(status)
    expect(await ask.status(rotated.value)).toBe(401)
  }
})
