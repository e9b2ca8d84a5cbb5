import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { startService, type TestService } from '../support/service.js'

// A token that is remembered passes while its address must wait with new ones: so the answers tell the two apart.
let service: TestService
beforeAll(async () => {
  service = await startService({ REFUSED_RATE_PER_MINUTE: '1' })
  service.clock.freeze('2029-01-01T00:00:00.000Z')
})
afterAll(() => service.close())
beforeEach(() => service.clock.advance(3_600_000))

const present = async (token: string) =>
  (await service.inject({ url: '/me', headers: { authorization: `Bearer ${token}` } })).status

const throttle = async () =>
  expect(await present(await service.token({ claims: { aud: 'other', azp: 'other' } }))).toBe(401)

test('a verified token is remembered for a minute and no longer', async () => {
  const token = await service.token({ lifetimeSeconds: 300 })
  expect(await present(token)).toBe(200)
  service.clock.advance(30_000)
  await throttle()

  service.clock.advance(29_999)
  expect(await present(token)).toBe(200)
  service.clock.advance(1)
  expect(await present(token)).toBe(429)
})

test('using a token does not lengthen the time it is remembered', async () => {
  const token = await service.token({ lifetimeSeconds: 300 })
  for (let at = 0; at <= 50_000; at += 10_000) {
    expect(await present(token)).toBe(200)
    service.clock.advance(10_000)
  }
  await throttle()

  expect(await present(token)).toBe(429)
})

test('no token is remembered past its end', async () => {
  const token = await service.token({ lifetimeSeconds: 20 })
  expect(await present(token)).toBe(200)
  await throttle()

  service.clock.advance(19_999)
  expect(await present(token)).toBe(200)
  service.clock.advance(1)
  expect(await present(token)).toBe(429)
  service.clock.advance(60_000)
  expect(await present(token)).toBe(401)
})

test('a clock that was set back makes no token last longer', async () => {
  const token = await service.token({ lifetimeSeconds: 20 })
  expect(await present(token)).toBe(200)

  service.clock.advance(-10_000)
  await throttle()

  expect(await present(token)).toBe(429)
})

test('a token that was changed is another one', async () => {
  const token = await service.token()
  expect(await present(token)).toBe(200)

  expect(await present(`${token.slice(0, -12)}AAAAAAAAAAAA`)).toBe(401)
  expect(await present(`${token}=`)).not.toBe(200)
  expect(await present(token)).toBe(200)
})
