import { afterAll, beforeAll, expect, test } from 'vitest'
import { requestsTo } from '../keys/requests.js'
import { startService, type TestService } from '../support/service.js'

let service: TestService
const ask = requestsTo(() => service)
beforeAll(async () => {
  service = await startService({ MAX_KEYS_PER_USER: '100' })
})
afterAll(() => service.close())

const usageOf = async (id: string) => (await ask.as('alice', 'GET', `/api-keys/${id}`)).json.usage
/** The counters, once they have caught up: at most a second, and the load of the machine. */
const expectUsage = (id: string) => expect.poll(() => usageOf(id), { timeout: 5000, interval: 100 })
const call = (value: string, agent = 'agent/1', url = '/me') =>
  service.inject({ url, headers: { 'x-api-key': value, 'user-agent': agent }, remoteAddress: '192.0.2.44' })

test('a key shows how often, when, from where and with what it was used, a second later', async () => {
  service.clock.freeze('2026-11-21T12:00:00.000Z')
  const { id, value } = await service.createKey('alice')
  for (let at = 0; at < 3; at++) await call(value)
  service.clock.advance(1000)
  await call(value, 'agent/2', '/catalog/collections')
  await new Promise((resolve) => setTimeout(resolve, 1000))

  await expectUsage(id).toEqual({
    total: 4,
    today: 4,
    last_used_at: '2026-11-21T12:00:01.000Z',
    last_used_ip: '192.0.2.44',
    last_user_agent: 'agent/2',
  })
  const listed = (await ask.as('alice', 'GET', '/api-keys')).json.items
  expect(listed.find((key: { id: string }) => key.id === id).usage.total).toBe(4)
})

test('at midnight UTC today begins at nought, before any new call', async () => {
  service.clock.freeze('2026-11-21T23:59:59.999Z')
  const { id, value } = await service.createKey('alice')
  await call(value)
  await call(value)
  await expectUsage(id).toMatchObject({ total: 2, today: 2 })

  service.clock.advance(1)
  expect(await usageOf(id)).toMatchObject({ total: 2, today: 0, last_used_at: '2026-11-21T23:59:59.999Z' })
  await call(value)
  await expectUsage(id).toMatchObject({ total: 3, today: 1, last_used_at: '2026-11-22T00:00:00.000Z' })
})

test('refused calls are not counted', async () => {
  const bound = await service.createKey('alice', { allowed_ips: ['10.0.0.0/8'] })
  const reader = await service.createKey('alice', { read_only: true })
  const { id, value } = await service.createKey('alice')

  await call(bound.value)
  await ask.with(reader.value, 'POST', '/api-keys', { name: 'x' })
  await ask.with(value, 'POST', '/api-keys', { name: 'x' })
  await ask.with(`${value.slice(0, -1)}${value.endsWith('0') ? '1' : '0'}`)
  await service.inject({ url: '/nowhere', headers: { 'x-api-key': value } })
  await service.inject({ url: '/me', headers: { 'x-api-key': [value, value] } })
  await ask.as('alice', 'PATCH', `/api-keys/${id}`, { enabled: false })
  await call(value)
  await ask.as('alice', 'PATCH', `/api-keys/${id}`, { enabled: true })
  await call(value)

  await expectUsage(id).toMatchObject({ total: 1 })
  for (const refused of [bound, reader])
    expect(await usageOf(refused.id)).toEqual({
      ...{ total: 0, today: 0, last_used_at: null },
      ...{ last_used_ip: null, last_user_agent: null },
    })
})

test('a user agent of 5,000 characters is cut, and does no harm', async () => {
  const { id, value } = await service.createKey('alice')

  expect((await call(value, `agent/${'9'.repeat(5000)}`)).status).toBe(200)

  await expectUsage(id).toMatchObject({ total: 1, last_user_agent: `agent/${'9'.repeat(250)}` })
})

test('a user agent that holds the value of the key is not kept', async () => {
  const { id, value } = await service.createKey('alice')

  expect((await call(value, `my script (${value})`)).status).toBe(200)

  await expectUsage(id).toMatchObject({ total: 1, last_user_agent: 'not kept: it held the value of a key' })
})

test('a user agent that holds the value of the key where it is cut is not kept', async () => {
  const { id, value } = await service.createKey('alice')

  expect((await call(value, `${'a'.repeat(200)} (${value}) ${'b'.repeat(5000)}`)).status).toBe(200)

  await expectUsage(id).toMatchObject({ total: 1, last_user_agent: 'not kept: it held the value of a key' })
})

test('the calls of a deleted key stop no other’s from being counted', async () => {
  const gone = await service.createKey('alice')
  const left = await service.createKey('alice')
  await call(gone.value)
  await call(left.value)
  await ask.as('alice', 'DELETE', `/api-keys/${gone.id}`)

  await expectUsage(left.id).toMatchObject({ total: 1 })
  expect(service.log.join('\n')).not.toContain('usage could not be written')
})

test('many calls at once are all counted', async () => {
  const { id, value } = await service.createKey('alice')

  const answers = await Promise.all(Array.from({ length: 200 }, () => call(value)))

  expect(answers.every(({ status }) => status === 200)).toBe(true)
  await expectUsage(id).toMatchObject({ total: 200 })
})
