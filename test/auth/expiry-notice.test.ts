import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { withoutRequestId } from '../keys/requests.js'
import { type Answer, startService, type TestService } from '../support/service.js'

let service: TestService
beforeAll(async () => {
  service = await startService()
})
afterAll(() => service.close())
beforeEach(() => service.clock.freeze('2030-01-01T00:00:00.000Z'))

const daySeconds = 86_400
const notice = ({ headers }: Answer) => headers['x-api-key-expires-at']

test('a key within three days of its end says so, and not before', async () => {
  const key = await service.createKey('alice', { expires_in: 4 * daySeconds })
  const use = () => service.inject({ url: '/me', headers: { 'x-api-key': key.value } })
  expect(notice(await use())).toBeUndefined()

  service.clock.advance(daySeconds * 1000)
  expect(notice(await use())).toBeUndefined()
  service.clock.advance(1)
  expect(notice(await use())).toBe('2030-01-05T00:00:00.000Z')
  service.clock.advance(3 * daySeconds * 1000 - 2)
  expect(notice(await use())).toBe('2030-01-05T00:00:00.000Z')
})

test('an expired key is refused without a word about when it ended', async () => {
  const key = await service.createKey('alice', { expires_in: daySeconds })
  service.clock.advance(daySeconds * 1000)
  const answer = await service.inject({ url: '/me', headers: { 'x-api-key': key.value } })

  expect(answer.json.code).toBe('invalid_credential')
  expect(notice(answer)).toBeUndefined()
  expect(JSON.stringify(withoutRequestId(answer))).not.toContain('2030')
})

test('every answer to the key says so, also one that refuses or finds nothing', async () => {
  const key = await service.createKey('alice', { expires_in: daySeconds, read_only: true })
  const headers = { 'x-api-key': key.value }
  const calls = [
    { url: '/me', expected: 200 },
    { method: 'HEAD', url: '/me', expected: 200 },
    { url: '/api-keys', expected: 403 },
    { method: 'POST', url: '/api-keys', payload: {}, expected: 403 },
    { url: '/catalog/collections/nowhere', expected: 404 },
    { method: 'POST', url: '/catalog/search', payload: { limit: 'x' }, expected: 400 },
  ] as const
  for (const { expected, ...call } of calls) {
    const answer = await service.inject({ ...call, headers })

    expect(answer.status).toBe(expected)
    expect(notice(answer)).toBe('2030-01-02T00:00:00.000Z')
  }
})

test('a key that never expires, a token and a wrong value say nothing', async () => {
  const forever = await service.createKey('alice', { never_expires: true })
  for (const headers of [
    { 'x-api-key': forever.value },
    await service.as('alice', { lifetimeSeconds: 60 }),
    { 'x-api-key': `${forever.value}x` },
  ]) {
    expect(notice(await service.inject({ url: '/me', headers }))).toBeUndefined()
  }
})
