import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { type FakeIssuer, startFakeIssuer } from '../support/fake-issuer.js'
import { startService, type TestService } from '../support/service.js'
import { ask, asPage, beginLogin, comeBack, logInAt, setCookies } from './visit.js'

let issuer: FakeIssuer
let service: TestService
beforeAll(async () => {
  issuer = await startFakeIssuer()
  service = await startService({ ...issuer.env, LOGIN_RATE_PER_MINUTE: '3', TRUST_PROXY: '127.0.0.1' })
})
afterAll(async () => {
  await service.close()
  await issuer.close()
})
beforeEach(() => service.clock.advance(60_000))

const startFrom = (address: string) =>
  ask(service, { url: '/auth/login', headers: { ...asPage, 'x-forwarded-for': address } })

test('an address may begin so many logins in a minute, then it waits as it is told', async () => {
  const statuses = [1, 2, 3].map(async () => (await startFrom('192.0.2.1')).status)

  expect(await Promise.all(statuses)).toEqual([302, 302, 302])
  const refused = await startFrom('192.0.2.1')
  expect(refused.status).toBe(429)
  expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0)
  expect(Number(refused.headers['retry-after'])).toBeLessThanOrEqual(60)
  expect(refused.body).toContain('<h1>Too many requests</h1>')
  expect(setCookies(refused)).toEqual([])
})

test('a minute later the address may go on', async () => {
  for (let count = 0; count < 4; count += 1) await startFrom('192.0.2.2')

  service.clock.advance(60_000)

  expect((await startFrom('192.0.2.2')).status).toBe(302)
})

test('another address is not held up', async () => {
  for (let count = 0; count < 4; count += 1) await startFrom('192.0.2.3')

  expect((await startFrom('192.0.2.4')).status).toBe(302)
})

test('logins that succeed are counted once', async () => {
  for (let count = 0; count < 3; count += 1) await logInAt(issuer, service)

  expect((await ask(service, { url: '/auth/login' })).status).toBe(429)
})

test('one begun login is no key to any number of questions to the identity provider', async () => {
  const { state, cookie } = await beginLogin(service)
  const before = issuer.exchanges.length

  const answers = []
  for (let count = 0; count < 10; count += 1) {
    answers.push(await comeBack(service, { code: `guess-${count}`, state }, cookie))
  }

  expect(answers.map(({ status }) => status)).toEqual([400, 400, 400, 429, 429, 429, 429, 429, 429, 429])
  expect(issuer.exchanges.length - before).toBe(1)
})

test('a login that was begun may end, however many others from that address began meanwhile', async () => {
  const { state, nonce, cookie } = await beginLogin(service)
  for (let count = 0; count < 5; count += 1) await ask(service, { url: '/auth/login' })

  const answer = await comeBack(service, { code: issuer.grant({ nonce }), state }, cookie)

  expect(answer.status).toBe(302)
})

test('logins that come back to nobody are counted as well', async () => {
  const statuses: number[] = []
  for (let count = 0; count < 5; count += 1) {
    statuses.push((await comeBack(service, { code: 'x', state: 'y' }, '')).status)
  }

  expect(statuses).toEqual([400, 400, 400, 429, 429])
})

test('whoever waits may still log out', async () => {
  const { session } = await logInAt(issuer, service)
  for (let count = 0; count < 4; count += 1) await ask(service, { url: '/auth/login' })

  const headers = { cookie: session, 'sec-fetch-site': 'same-origin' }
  const answer = await ask(service, { method: 'POST', url: '/auth/logout', headers })

  expect(answer.status).toBe(303)
})
