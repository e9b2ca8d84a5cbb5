import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { type CreatedKey, startService, type TestService } from '../support/service.js'

let service: TestService
beforeAll(async () => {
  service = await startService({ MAX_KEYS_PER_USER: '1000' })
})
afterAll(() => service.close())
beforeEach(() => service.clock.freeze('2030-01-31T12:00:00.000Z'))

async function aLimitedKey(
  limits: { limitPerSecond?: number; limitPerDay?: number; limitPerMonth?: number },
  wanted: Record<string, unknown> = {},
): Promise<CreatedKey> {
  const key = await service.createKey('alice', wanted)
  await service.db.prisma.apiKey.update({ where: { id: key.id }, data: limits })
  return key
}

const call = (key: CreatedKey, more: object = {}) =>
  service.inject({ url: '/catalog/', headers: { 'x-api-key': key.value }, ...more })

test('every answer to a limited key tells what remains', async () => {
  const key = await aLimitedKey({ limitPerSecond: 5, limitPerDay: 10, limitPerMonth: 20 })

  const answer = await call(key)

  expect(answer.status).toBe(200)
  expect(answer.headers).toMatchObject({
    'otoroshi-daily-calls-remaining': '9',
    'otoroshi-monthly-calls-remaining': '19',
    'ratelimit-policy':
      '"key-per-second";q=5;w=1, "key-per-day";q=10;w=86400, "key-per-month";q=20;w=2678400',
    ratelimit: '"key-per-second";r=4;t=1, "key-per-day";r=9;t=43200, "key-per-month";r=19;t=43200',
  })
})

test('nothing is told to a key without limits', async () => {
  const answer = await call(await service.createKey('alice'))

  expect(answer.status).toBe(200)
  expect(Object.keys(answer.headers).join(' ')).not.toMatch(/ratelimit|remaining/)
})

test('a spent quota is 429 until its day ends', async () => {
  const key = await aLimitedKey({ limitPerDay: 2 })
  await call(key)
  await call(key)

  const refused = await call(key)

  expect(refused.status).toBe(429)
  expect(refused.json.code).toBe('quota_exceeded')
  expect(refused.headers).toMatchObject({ 'retry-after': '43200', 'otoroshi-daily-calls-remaining': '0' })
  service.clock.freeze('2030-02-01T00:00:00.000Z')
  expect((await call(key)).status).toBe(200)
})

test('a throttled key is 429 for a second', async () => {
  const key = await aLimitedKey({ limitPerSecond: 1 })
  await call(key)

  const refused = await call(key)

  expect(refused.status).toBe(429)
  expect(refused.json.code).toBe('rate_limited')
  expect(refused.headers['retry-after']).toBe('1')
  service.clock.advance(1000)
  expect((await call(key)).status).toBe(200)
})

test('a call that is refused for another reason is not counted, and is told what remains', async () => {
  const key = await aLimitedKey({ limitPerDay: 3 }, { allowed_ips: ['192.0.2.1'] })

  const refused = await call(key)

  expect(refused.status).toBe(403)
  expect(refused.headers['otoroshi-daily-calls-remaining']).toBe('3')
})

test('the limits of an owner hold over all of their keys', async () => {
  await service.db.prisma.owner.updateMany({ where: { login: 'bob' }, data: { limitPerDay: null } })
  const [one, other] = [await service.createKey('bob'), await service.createKey('bob')]
  await service.db.prisma.owner.updateMany({ where: { login: 'bob' }, data: { limitPerDay: 2 } })

  const statuses = [await call(one), await call(other), await call(one)].map(({ status }) => status)

  expect(statuses).toEqual([200, 200, 429])
})
