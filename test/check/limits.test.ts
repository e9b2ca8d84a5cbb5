import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { administratorOf } from '../services/administrator.js'
import { type CreatedKey, startService, type TestService } from '../support/service.js'

let service: TestService
beforeAll(async () => {
  service = await startService({ MAX_KEYS_PER_USER: '1000' })
})
afterAll(() => service.close())
beforeEach(() => service.clock.freeze('2030-01-31T12:00:00.000Z'))

const ask = (payload: object) => service.inject({ method: 'POST', url: '/api-keys/verify', payload })

async function aKeyWith(
  data: Record<string, unknown>,
  wanted?: Record<string, unknown>,
): Promise<CreatedKey> {
  const key = await service.createKey('alice', wanted)
  await service.db.prisma.apiKey.update({ where: { id: key.id }, data })
  return key
}

test('a question about a limited key counts a call, tells what remains and is for once', async () => {
  const key = await aKeyWith({ limitPerDay: 3 })

  const answer = await ask({ value: key.value })

  expect(answer.json).toMatchObject({
    valid: true,
    bounds: { limited: true },
    limits: [
      {
        of: 'key',
        per: 'day',
        limit: 3,
        remaining: 2,
        resets_at: '2030-02-01T00:00:00.000Z',
        window_seconds: 86_400,
      },
    ],
    cache_seconds: 0,
    stale_if_error_seconds: 0,
  })
  expect(answer.json).not.toHaveProperty('retry_after_seconds')
})

test('the questions and the calls of a key count together', async () => {
  const key = await aKeyWith({ limitPerDay: 2 })
  await ask({ value: key.value })
  await service.inject({ url: '/catalog/', headers: { 'x-api-key': key.value } })

  const answer = await ask({ value: key.value })

  expect(answer.json).toMatchObject({
    valid: false,
    code: 'quota_exceeded',
    retry_after_seconds: 43_200,
    limits: [{ remaining: 0 }],
    cache_seconds: 0,
  })
})

test('a throttled key is told so', async () => {
  const key = await aKeyWith({ limitPerSecond: 1 })
  await ask({ value: key.value })

  expect((await ask({ value: key.value })).json).toMatchObject({
    valid: false,
    code: 'rate_limited',
    retry_after_seconds: 1,
  })
})

test('a question that is answered no for another reason counts nothing', async () => {
  const key = await aKeyWith({ limitPerDay: 3 }, { read_only: true })

  const answer = await ask({ value: key.value, method: 'POST' })

  expect(answer.json).toMatchObject({ valid: false, code: 'read_only_key', limits: [{ remaining: 3 }] })
  expect((await ask({ value: key.value, method: 'GET' })).json.limits).toMatchObject([{ remaining: 2 }])
})

test('a key that is authorised on some services is refused where no known one is named', async () => {
  const key = await aKeyWith({ services: ['stac'] })

  expect((await ask({ value: key.value, method: 'GET', service: 'nowhere' })).json).toMatchObject({
    valid: false,
    code: 'not_authorized_here',
    bounds: { authorized_here: false },
  })
})

test('a key without limits is told so, and may be remembered', async () => {
  const key = await service.createKey('alice')

  const answer = await ask({ value: key.value })

  expect(answer.json).toMatchObject({ bounds: { limited: false, authorized_here: true }, cache_seconds: 5 })
  expect(answer.json).not.toHaveProperty('limits')
})

test('a key counts against the limits of the group of the service that is asked about', async () => {
  const { aGroup, aService, aKeyFor } = administratorOf(() => service)
  const group = await aGroup({ limits: { per_day: 1 } })
  const called = await aService({ group: group.id })
  const key = await aKeyFor({ groups: [group.id] })

  const first = await ask({ value: key.value, service: called.id })
  const second = await ask({ value: key.value, service: called.id })

  expect(first.json).toMatchObject({
    valid: true,
    bounds: { authorized_here: true, limited: true },
    limits: [{ of: 'group', remaining: 0 }],
  })
  expect(second.json).toMatchObject({ valid: false, code: 'quota_exceeded' })
})

test('a key of one service is refused where another is called', async () => {
  const { aService, aKeyFor } = administratorOf(() => service)
  const [own, foreign] = [await aService(), await aService()]
  const key = await aKeyFor({ services: [own.id] })

  expect((await ask({ value: key.value, service: own.id })).json.valid).toBe(true)
  expect((await ask({ value: key.value, service: foreign.id })).json.code).toBe('not_authorized_here')
  expect((await ask({ value: key.value })).json.code).toBe('not_authorized_here')
})
