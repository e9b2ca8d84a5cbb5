import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { type Relay, startRelay } from '../support/relay.js'
import { remoteApp } from '../support/remote-app.js'
import { type CreatedKey, startService, type TestService } from '../support/service.js'

let service: TestService
let relay: Relay
let app: FastifyInstance
beforeAll(async () => {
  service = await startService({ MAX_KEYS_PER_USER: '1000' })
  relay = await startRelay(service.url)
  app = await remoteApp(
    service,
    relay.url,
    [
      { access: {} },
      { access: { scopes: ['steer'] }, url: '/steer' },
      { access: { readOnlyKeys: 'may-write' }, method: 'POST', url: '/note' },
    ],
    {
      timeoutMs: 10_000,
    },
  )
})
afterAll(async () => {
  await app.close()
  await relay.close()
  await service.close()
})
beforeEach(() => {
  relay.answerInstead = undefined
  service.clock.freeze('2030-01-31T12:00:00.000Z')
})

async function aKeyWith(data: Record<string, unknown>): Promise<CreatedKey> {
  const key = await service.createKey('alice')
  await service.db.prisma.apiKey.update({ where: { id: key.id }, data })
  return key
}

const use = (key: CreatedKey, url = '/') => app.inject({ url, headers: { 'x-api-key': key.value } })

test('each call of a limited key is counted and told what remains', async () => {
  const key = await aKeyWith({ limitPerDay: 5 })

  const answers = [await use(key), await use(key)]

  expect(answers.map(({ statusCode }) => statusCode)).toEqual([200, 200])
  expect(answers.map(({ headers }) => headers['otoroshi-daily-calls-remaining'])).toEqual(['4', '3'])
  expect(answers[1]?.headers['ratelimit-policy']).toBe('"key-per-day";q=5;w=86400')
})

test('of many calls at once exactly as many pass as the limit says', async () => {
  const key = await aKeyWith({ limitPerDay: 20 })

  const answers = await Promise.all(Array.from({ length: 60 }, () => use(key)))

  const statuses = answers.map(({ statusCode }) => statusCode)
  expect(statuses.filter((status) => status === 200)).toHaveLength(20)
  expect(statuses.filter((status) => status === 429)).toHaveLength(40)
})

test('a spent quota is 429 with the time to wait', async () => {
  const key = await aKeyWith({ limitPerDay: 1 })
  await use(key)

  const refused = await use(key)

  expect(refused.statusCode).toBe(429)
  expect(refused.json().code).toBe('quota_exceeded')
  expect(refused.headers).toMatchObject({ 'retry-after': '43200', 'otoroshi-daily-calls-remaining': '0' })
})

test('a read-only key that is limited may write where the route says so', async () => {
  const key = await aKeyWith({ limitPerDay: 5, readOnly: true })

  const answer = await app.inject({ method: 'POST', url: '/note', headers: { 'x-api-key': key.value } })

  expect(answer.statusCode).toBe(200)
  expect(answer.headers['otoroshi-daily-calls-remaining']).toBe('4')
})

test('a call that lacks rights is refused and not counted', async () => {
  const key = await aKeyWith({ limitPerDay: 5 })

  const refused = await use(key, '/steer')

  expect(refused.statusCode).toBe(403)
  expect(refused.headers['otoroshi-daily-calls-remaining']).toBe('5')
})

test('a key that is authorised elsewhere is refused here', async () => {
  const key = await aKeyWith({ services: ['elsewhere'] })

  const refused = await use(key)

  expect(refused.statusCode).toBe(403)
  expect(refused.json().code).toBe('not_authorized_here')
})

// The last one: an outage is remembered for a second, and the clock stands.
test('a limited key is not let in while Latchkey does not answer', async () => {
  const key = await aKeyWith({ limitPerDay: 5 })
  await use(key)
  relay.answerInstead = (response) => response.socket?.destroy()

  expect((await use(key)).statusCode).toBe(503)
})
