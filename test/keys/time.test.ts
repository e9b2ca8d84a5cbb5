import { afterAll, beforeAll, expect, test } from 'vitest'
import { startService, type TestService } from '../support/service.js'
import { requestsTo } from './requests.js'

const hourMs = 3_600_000
const start = Date.UTC(2028, 1, 29, 23)

let service: TestService
const ask = requestsTo(() => service)
beforeAll(async () => {
  service = await startService()
  service.clock.freeze(new Date(start))
})
afterAll(() => service.close())

test('an old value is good until the millisecond of its grace’s end, whichever way the clock goes', async () => {
  service.clock.freeze(new Date(start))
  const { id, value } = await service.createKey('alice')
  const rotated = (await ask.as('alice', 'POST', `/api-keys/${id}/rotate`, { grace_seconds: 3600 })).json
  const at = async (time: number) => {
    service.clock.freeze(new Date(time))
    return [await ask.status(value), await ask.status(rotated.value)]
  }

  expect(await at(start + hourMs - 1)).toEqual([200, 200])
  expect(await at(start + hourMs)).toEqual([401, 200])
  expect(await at(start + hourMs - 1)).toEqual([200, 200])
  expect(await at(start - hourMs)).toEqual([200, 200])
  expect(await at(start + 400 * 24 * hourMs)).toEqual([401, 401])
})

test('a key whose end was brought forward ends at the new one, to the millisecond, in memory as well', async () => {
  service.clock.freeze(new Date(start))
  const { id, value } = await service.createKey('alice', { expires_in: 7200 })
  expect(await ask.status(value)).toBe(200)
  const end = start + 1234
  await ask.as('alice', 'POST', `/api-keys/${id}/renew`, { expires_at: new Date(end).toISOString() })
  const at = async (time: number) => {
    service.clock.freeze(new Date(time))
    return await ask.status(value)
  }

  expect([await at(end - 1), await at(end), await at(end - 1), await at(end + 1)]).toEqual([
    200, 401, 200, 401,
  ])
})

test('a key and a token that end while they are in use end at their own time, not at that of a look-up', async () => {
  service.clock.freeze(new Date(start))
  const { value } = await service.createKey('alice', { expires_in: 10 })
  const token = await service.token({ lifetimeSeconds: 10 })
  const seen: Record<string, number[]> = { key: [], token: [] }

  for (let ms = 0; ms <= 16_000; ms += 500) {
    service.clock.freeze(new Date(start + ms))
    const answer = await service.inject({ url: '/me', headers: { authorization: `Bearer ${token}` } })
    if (answer.status === 200) seen.token?.push(ms)
    if ((await ask.status(value)) === 200) seen.key?.push(ms)
  }

  const every = (endMs: number) => Array.from({ length: endMs / 500 }, (_, at) => at * 500)
  // Five seconds more for a token: whoever issued it has another clock.
  expect(seen).toEqual({ key: every(10_000), token: every(15_000) })
})
