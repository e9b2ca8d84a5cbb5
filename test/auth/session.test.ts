import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type LoggedIn, logIn } from '../support/log-in.js'
import { requestRaw } from '../support/raw-http.js'
import { startService, type TestService } from '../support/service.js'

let service: TestService
let alice: LoggedIn
let sameSite: { cookie: string; origin: string; 'sec-fetch-site': string }
beforeAll(async () => {
  service = await startService()
  alice = await logIn(service, 'alice')
  sameSite = { ...alice, origin: service.url, 'sec-fetch-site': 'same-origin' }
})
afterAll(() => service.close())

const create = (headers: Record<string, string>) =>
  service.inject({ method: 'POST', url: '/api-keys', headers, payload: { name: crypto.randomUUID() } })

test('the session opens the own endpoints, also for changes that this site starts', async () => {
  const me = await service.inject({ url: '/me', headers: { ...alice } })
  const made = await create(sameSite)

  expect(me.json).toMatchObject({ login: 'alice', via: 'session' })
  expect(made.status).toBe(201)
})

test('reading through the session needs no word from the browser about the site', async () => {
  const answer = await service.inject({
    url: '/me',
    headers: { ...alice, origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' },
  })

  expect(answer.status).toBe(200)
  expect(answer.headers).not.toHaveProperty('access-control-allow-origin')
})

describe('a change through the session is refused', () => {
  test.each<[string, Record<string, string | undefined>]>([
    ['when nothing says where it comes from', { origin: undefined, 'sec-fetch-site': undefined }],
    ['from another site', { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }],
    ['from another host of this site', { origin: undefined, 'sec-fetch-site': 'same-site' }],
    ['from an address bar', { origin: undefined, 'sec-fetch-site': 'none' }],
    ['from an opaque origin', { origin: 'null', 'sec-fetch-site': undefined }],
    ['from another port', { origin: 'http://127.0.0.1:1', 'sec-fetch-site': undefined }],
    ['from another scheme', { origin: 'https://127.0.0.1', 'sec-fetch-site': 'same-origin' }],
    ['when the two words differ', { 'sec-fetch-site': 'cross-site' }],
    ['when the words differ the other way', { origin: 'https://evil.example' }],
    ['when a word is said twice', { 'sec-fetch-site': 'same-origin, cross-site' }],
  ])('%s', async (_from, changes) => {
    const headers = Object.entries({ ...sameSite, ...changes }).filter(([, value]) => value !== undefined)
    const answer = await create(Object.fromEntries(headers) as Record<string, string>)

    expect(answer.status).toBe(403)
    expect(answer.json.code).toBe('cross_site_request')
    expect(answer.json).not.toHaveProperty('value')
  })
})

test('either word of the browser alone is enough', async () => {
  expect((await create({ ...alice, origin: service.url })).status).toBe(201)
  expect((await create({ ...alice, 'sec-fetch-site': 'same-origin' })).status).toBe(201)
})

test('cookies on several lines are read as one', async () => {
  const answer = await requestRaw(service.config.port, [
    'GET /me HTTP/1.1',
    'Cookie: a=1',
    `Cookie: ${alice.cookie}`,
  ])

  expect(answer.json).toMatchObject({ login: 'alice', via: 'session' })
})

test('services do not take the session', async () => {
  const answer = await service.inject({ url: '/catalog/collections', headers: sameSite })

  expect(answer.status).toBe(401)
  expect(answer.json.code).toBe('not_authenticated')
})

test('a refused key or token never falls through to the session', async () => {
  for (const refused of [{ 'x-api-key': 'wrong' }, { authorization: 'Bearer wrong' }]) {
    const answer = await service.inject({ url: '/me', headers: { ...alice, ...refused } })

    expect(answer.json.code).toBe('invalid_credential')
    expect(answer.body).not.toContain('alice')
  }
})

test('a good key decides before the session, and brings its own rights', async () => {
  const key = await service.createKey('bob')
  const me = await service.inject({ url: '/me', headers: { ...sameSite, 'x-api-key': key.value } })
  const made = await create({ ...sameSite, 'x-api-key': key.value })

  expect(me.json).toMatchObject({ login: 'bob', via: 'api-key' })
  expect(made.json.code).toBe('login_required')
})

test('a scheme that is no credential leaves the session in force', async () => {
  const answer = await service.inject({ url: '/me', headers: { ...alice, authorization: 'Digest x' } })

  expect(answer.json).toMatchObject({ login: 'alice', via: 'session' })
})

test('a cookie that was changed, or that nobody gave out, is no session', async () => {
  const [name, value = ''] = alice.cookie.split('=')
  const swapped = value.startsWith('A') ? `B${value.slice(1)}` : `A${value.slice(1)}`
  for (const cookie of [
    `${name}=${swapped}`,
    `${name}=`,
    `${name}=x`,
    `other=${value}`,
    `__Host-${alice.cookie}`,
  ]) {
    const answer = await service.inject({ url: '/me', headers: { cookie } })

    expect(answer.json.code).toBe('not_authenticated')
    expect(answer.body).not.toContain('alice')
  }
})

test('the cookie stands in no answer and no line of the log', async () => {
  const [, value = ''] = alice.cookie.split('=')
  const answer = await service.inject({ url: '/me', headers: { ...alice } })

  expect(answer.headers).not.toHaveProperty('set-cookie')
  expect(service.log.join('')).not.toContain(value)
  expect(service.log.join('')).not.toContain(decodeURIComponent(value).split('.')[0])
})
