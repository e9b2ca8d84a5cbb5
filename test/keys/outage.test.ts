import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { logIn } from '../support/log-in.js'
import { startService, type TestService } from '../support/service.js'
import { lookUpQuery, openWatchedDatabase, type WatchedDatabase } from '../support/watched-database.js'
import { aForgedValue, expectProblem, requestsTo } from './requests.js'

let service: TestService
let db: WatchedDatabase
const ask = requestsTo(() => service)
beforeAll(async () => {
  db = await openWatchedDatabase()
  service = await startService({ MAX_KEYS_PER_USER: '100', VERDICT_MAX_STALE_SECONDS: '30' }, { db })
  service.clock.freeze('2026-11-21T12:00:00.000Z')
})
beforeEach(() => {
  // Past the moment for which a failure is remembered.
  service.clock.advance(1000)
})
afterAll(async () => {
  db.isDown = false
  await service.close()
})

/** The database is down while the work is done. */
async function whileDown<T>(work: () => Promise<T>): Promise<T> {
  db.isDown = true
  try {
    return await work()
  } finally {
    db.isDown = false
  }
}

const expectUnavailable = (answer: Parameters<typeof expectProblem>[0]) => {
  expectProblem(answer, 503, 'unavailable')
  expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0)
  expect(answer.headers).not.toHaveProperty('www-authenticate')
  expect(answer.body).not.toContain('took the database down')
}

test('keys in use go on for VERDICT_MAX_STALE_SECONDS, then nobody can tell', async () => {
  const { value } = await service.createKey('alice')
  expect(await ask.status(value)).toBe(200)

  await whileDown(async () => {
    service.clock.advance(29_999)
    expect(await ask.status(value)).toBe(200)
    service.clock.advance(1)
    expectUnavailable(await ask.with(value))
    service.clock.advance(3_600_000)
    expectUnavailable(await ask.with(value))
  })
})

test('an outage does not lengthen a key’s life', async () => {
  const { value } = await service.createKey('alice', { expires_in: 10 })
  expect(await ask.status(value)).toBe(200)

  await whileDown(async () => {
    service.clock.advance(9999)
    expect(await ask.status(value)).toBe(200)
    service.clock.advance(1)
    expectProblem(await ask.with(value), 401, 'invalid_credential')
  })
})

test('in an outage a wrong secret for a key in use is still refused, not let in and not "cannot tell"', async () => {
  const { value, id } = await service.createKey('alice')
  await ask.with(value)

  await whileDown(async () => {
    service.clock.advance(10_000)
    expectProblem(await ask.with(aForgedValue(id)), 401, 'invalid_credential')
    expectProblem(await ask.with('lk_nonsense'), 401, 'invalid_credential')
  })
})

test('in an outage of a key that was not in use nobody can tell, and it is not remembered as unknown', async () => {
  const { value } = await service.createKey('alice')

  await whileDown(async () => {
    expectUnavailable(await ask.with(value))
    expectUnavailable(await ask.with(aForgedValue()))
  })

  service.clock.advance(1000)
  expect(await ask.status(value)).toBe(200)
})

test('in an outage one request a second finds that out for all', async () => {
  const values = await Promise.all(Array.from({ length: 10 }, () => service.createKey('alice')))
  // Beside them the counters are written, once a second.
  const countLookUps = () => db.asked.filter(({ name }) => name === lookUpQuery).length
  const before = countLookUps()

  await whileDown(async () => {
    for (const { value } of values) expectUnavailable(await ask.with(value))
    expect(countLookUps() - before).toBe(1)
    service.clock.advance(1000)
    for (const { value } of values) expectUnavailable(await ask.with(value))
    expect(countLookUps() - before).toBe(2)
  })
})

test('in an outage every change and every list is 503, and the key stays as it was', async () => {
  const { id, value } = await service.createKey('alice', { name: 'steady' })
  const before = (await ask.as('alice', 'GET', `/api-keys/${id}`)).json
  const rows = await ask.countRows()

  await whileDown(async () => {
    expectUnavailable(await ask.as('alice', 'POST', '/api-keys', { name: 'lost' }))
    expectUnavailable(await ask.as('alice', 'GET', '/api-keys'))
    expectUnavailable(await ask.as('alice', 'GET', `/api-keys/${id}`))
    expectUnavailable(await ask.as('alice', 'PATCH', `/api-keys/${id}`, { note: 'lost' }))
    for (const verb of ['revoke', 'renew', 'rotate']) {
      expectUnavailable(await ask.as('alice', 'POST', `/api-keys/${id}/${verb}`))
    }
    expectUnavailable(await ask.as('alice', 'DELETE', `/api-keys/${id}`))
    expect((await ask.as('alice', 'GET', '/me')).status).toBe(200)
  })

  expect((await ask.as('alice', 'GET', `/api-keys/${id}`)).json).toEqual(before)
  expect(await ask.countRows()).toEqual(rows)
  expect(await ask.status(value)).toBe(200)
})

test('a change that was not even begun takes no key out of use', async () => {
  const { id, value } = await service.createKey('alice')
  await ask.with(value)

  await whileDown(async () => {
    for (const person of ['alice', 'bob'] as const) {
      expectUnavailable(await ask.as(person, 'POST', `/api-keys/${id}/revoke`))
      expectUnavailable(await ask.as(person, 'DELETE', `/api-keys/${id}`))
    }
    service.clock.advance(10_000)
    expect(await ask.status(value)).toBe(200)
  })
})

test('what was revoked before the outage stays revoked in it', async () => {
  const { id, value } = await service.createKey('alice')
  await ask.with(value)
  await ask.as('alice', 'POST', `/api-keys/${id}/revoke`)

  await whileDown(async () => {
    const answer = await ask.with(value)
    expect([401, 503]).toContain(answer.status)
    service.clock.advance(10_000)
    expect((await ask.with(value)).status).not.toBe(200)
  })
})

test('when the database is back, so is everything', async () => {
  const { value } = await service.createKey('alice')
  await whileDown(async () => expectUnavailable(await ask.with(value)))

  service.clock.advance(1000)

  expect(await ask.status(value)).toBe(200)
  expect((await service.createKey('alice')).value).toMatch(/^lk_/)
})

test('a credential in a header needs no session, so a cookie beside it costs no answer', async () => {
  const { value } = await service.createKey('alice')
  const { authorization } = await service.as('alice')
  const { cookie } = await logIn(service, 'alice')
  await service.inject({ url: '/me', headers: { 'x-api-key': value } })
  await service.inject({ url: '/me', headers: { authorization } })

  const [key, token, session] = await whileDown(() =>
    Promise.all([
      service.inject({ url: '/me', headers: { 'x-api-key': value, cookie } }),
      service.inject({ url: '/me', headers: { authorization, cookie } }),
      service.inject({ url: '/me', headers: { cookie } }),
    ]),
  )

  expect([key.json.via, token.json.via]).toEqual(['api-key', 'oauth2'])
  expectProblem(session, 503, 'unavailable')
})
