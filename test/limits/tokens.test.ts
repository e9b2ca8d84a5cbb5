import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { subjects } from '../keys/requests.js'
import { asAdministrator } from '../services/administrator.js'
import { logIn } from '../support/log-in.js'
import { startService, type TestService } from '../support/service.js'
import { changeService, setServices } from '../support/services.js'
import { startUpstream, type Upstream } from '../support/upstream.js'
import { openWatchedDatabase, type WatchedDatabase } from '../support/watched-database.js'

let upstream: Upstream
let service: TestService
beforeAll(async () => {
  upstream = await startUpstream()
  service = await startService({ LIMIT_TOKENS: 'true', MAX_KEYS_PER_USER: '1000' }, { hasGateway: true })
  await service.createKey('bob')
  await setServices(service, { id: 'echo', target: upstream.url })
})
let day = 0
beforeEach(() => {
  upstream.seen.length = 0
  service.clock.freeze(new Date(Date.UTC(2030, 0, 1 + day++, 12)))
})
afterEach(async () => {
  await limitOwner({})
  await limitGroup({})
})
afterAll(async () => {
  await service.close()
  await upstream.close()
})

const limitOwner = async (payload: object, subject = subjects.bob) => {
  const headers = await asAdministrator(service)
  const url = `/admin/owners/${subject}/limits`
  expect((await service.inject({ method: 'PUT', url, headers, payload })).status).toBe(200)
}
const limitGroup = async (limits: object) => {
  const headers = await asAdministrator(service)
  const payload = { limits: { per_second: null, per_day: null, per_month: null, ...limits } }
  const answer = await service.inject({ method: 'PATCH', url: '/admin/groups/test', headers, payload })
  expect(answer.status).toBe(200)
}
/** The catalogue is a service too, on the origin of the key manager. */
const catalog = async (wishes = {}) =>
  service.inject({ url: '/catalog/', headers: await service.as('bob', wishes) })
const echo = (headers: Record<string, string>, method = 'GET') =>
  fetch(`${service.gatewayUrl}/echo/x`, { method, headers })

describe('calls with tokens of a person', () => {
  test('count against the limits of the person, with those of their keys, here and at the gateway', async () => {
    const key = await service.createKey('bob')
    await limitOwner({ per_day: 4, per_month: 10 })

    const first = await catalog()
    const second = await echo(await service.as('bob'))
    const third = await echo({ 'x-api-key': key.value })
    const fourth = await catalog()
    const refused = [
      await catalog(),
      await echo(await service.as('bob')),
      await echo({ 'x-api-key': key.value }),
    ]

    expect([first.status, second.status, third.status, fourth.status]).toEqual([200, 200, 200, 200])
    expect(refused.map(({ status }) => status)).toEqual([429, 429, 429])
    expect(first.headers).toMatchObject({
      'otoroshi-daily-calls-remaining': '3',
      'otoroshi-monthly-calls-remaining': '9',
      'ratelimit-policy': '"owner-per-day";q=4;w=86400, "owner-per-month";q=10;w=2678400',
    })
    expect(second.headers.get('otoroshi-daily-calls-remaining')).toBe('2')
    expect(refused[0]).toMatchObject({
      json: { code: 'quota_exceeded' },
      headers: { 'retry-after': '43200' },
    })
    expect(upstream.seen).toHaveLength(2)
    expect(
      (await service.inject({ url: '/catalog/', headers: await service.as('alice') })).headers,
    ).not.toHaveProperty('ratelimit')
  })

  test('count against the limits of the group, also of a person whom nobody knows yet', async () => {
    await limitGroup({ per_day: 3 })
    const stranger = await service.as('bob', { claims: { sub: 'a-stranger', preferred_username: 'x' } })
    const key = await service.createKey('bob')

    const answers = [
      await echo(stranger),
      await echo(await service.as('bob')),
      await echo({ 'x-api-key': key.value }),
    ]
    const refused = await echo(stranger)
    const elsewhere = await service.inject({ url: '/catalog/', headers: stranger })

    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200])
    expect(answers[0]?.headers.get('ratelimit-policy')).toBe('"group-per-day";q=3;w=86400')
    expect(refused.status).toBe(429)
    expect(elsewhere.status).toBe(200)
    expect(elsewhere.headers).not.toHaveProperty('ratelimit')
  })

  test('pass exactly as often as the limits say, however many come at once', async () => {
    await limitOwner({ per_second: 5, per_day: 7 })
    const tokens = await Promise.all(Array.from({ length: 40 }, () => service.as('bob')))

    const statuses = (await Promise.all(tokens.map((headers) => echo(headers)))).map(({ status }) => status)
    service.clock.advance(1000)
    const later = (await Promise.all(tokens.map((headers) => echo(headers)))).map(({ status }) => status)

    expect(statuses.filter((status) => status === 200)).toHaveLength(5)
    expect(later.filter((status) => status === 200)).toHaveLength(2)
    expect(new Set([...statuses, ...later])).toEqual(new Set([200, 429]))
    expect(upstream.seen).toHaveLength(7)
  })

  test('that are refused are not counted, and told what remains', async () => {
    await limitOwner({ per_day: 1 })
    await changeService(service, 'echo', { access: { scopes: ['nobody-has-this'] } })
    try {
      const refused = await echo(await service.as('bob'))
      expect(refused.status).toBe(403)
      expect(refused.headers.get('otoroshi-daily-calls-remaining')).toBe('1')
    } finally {
      await changeService(service, 'echo', { access: { scopes: [] } })
    }
    for (const wishes of [{ lifetimeSeconds: -60 }, { claims: { aud: 'x', azp: 'x' } }]) {
      const refused = await catalog(wishes)
      expect(refused.status).toBe(401)
      expect(refused.headers).not.toHaveProperty('ratelimit')
    }
    const url = '/admin/api-keys'
    expect((await service.inject({ url, headers: await service.as('bob') })).status).toBe(403)

    expect([(await catalog()).status, (await catalog()).status]).toEqual([200, 429])
  })

  test('hold to a limit from the answer on that sets it, and are free once it is gone', async () => {
    const [one, two] = [await service.as('bob'), await service.as('bob')]
    for (const headers of [one, two, one]) expect((await echo(headers)).status).toBe(200)

    await limitOwner({ per_day: 1 })
    const limited = [await echo(one), await echo(two)]
    await limitOwner({})
    const free = [await echo(one), await echo(two)]

    expect([...limited, ...free].map(({ status }) => status)).toEqual([200, 429, 200, 200])
  })

  test('count at the other endpoints of this service, as those of keys do', async () => {
    await limitOwner({ per_day: 1 })
    const me = async () => service.inject({ url: '/me', headers: await service.as('bob') })

    expect([(await me()).status, (await me()).status]).toEqual([200, 429])
  })

  test('that manage keys are never refused: a spent quota stops nobody from revoking', async () => {
    const urlOfNewKey = async () => `/api-keys/${(await service.createKey('bob')).id}`
    const [toRevoke, toPause, toDelete] = [await urlOfNewKey(), await urlOfNewKey(), await urlOfNewKey()]
    await limitOwner({ per_second: 1, per_day: 1 })
    expect((await echo(await service.as('bob'))).status).toBe(200)
    expect((await echo(await service.as('bob'))).status).toBe(429)
    const headers = await service.as('bob')

    const answers = [
      await service.inject({ method: 'POST', url: `${toRevoke}/revoke`, headers, payload: {} }),
      await service.inject({ method: 'PATCH', url: toPause, headers, payload: { enabled: false } }),
      await service.inject({ method: 'DELETE', url: toDelete, headers }),
      await service.inject({ url: '/api-keys', headers }),
      await service.inject({ url: toPause, headers }),
    ]

    expect(answers.map(({ status }) => status)).toEqual([200, 200, 204, 200, 200])
    for (const answer of answers) expect(answer.headers).not.toHaveProperty('ratelimit')
    expect((await echo(headers)).status).toBe(429)
  })

  test('of an administrator at the key manager are not counted, with a token or a session', async () => {
    const { cookie } = await logIn(service, 'alice')
    const headers = await asAdministrator(service)
    await limitOwner({ per_day: 1 }, subjects.alice)

    const ask = (more: Record<string, string>) => service.inject({ url: '/admin/api-keys', headers: more })
    const answers = [await ask(headers), await ask(headers), await ask({ cookie }), await ask({ cookie })]
    const first = await echo(headers)
    await limitOwner({}, subjects.alice)

    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200])
    expect(first.status).toBe(200)
  })

  test('keep their rule with a key: a spent quota is 429 at the key manager too', async () => {
    const { value } = await service.createKey('bob')
    await limitOwner({ per_day: 1 })
    const me = () => service.inject({ url: '/me', headers: { 'x-api-key': value } })

    expect([(await me()).status, (await me()).status]).toEqual([200, 429])
  })
})

test('by default no call with a token is counted', async () => {
  const plain = await startService()
  try {
    const headers = await asAdministrator(plain)
    await plain.createKey('bob')
    await plain.inject({
      ...{ method: 'PUT', url: `/admin/owners/${subjects.bob}/limits`, headers },
      payload: { per_day: 1 },
    })

    for (const bob of [await plain.as('bob'), await plain.as('bob')]) {
      const answer = await plain.inject({ url: '/me', headers: bob })
      expect(answer.status).toBe(200)
      expect(answer.headers).not.toHaveProperty('ratelimit')
    }
  } finally {
    await plain.close()
  }
})

describe('while the database is away', () => {
  let db: WatchedDatabase
  let watched: TestService
  const ask = async (claims = {}) =>
    watched.inject({ url: '/catalog/', headers: await watched.as('bob', { claims }) })
  beforeAll(async () => {
    db = await openWatchedDatabase()
    watched = await startService({ LIMIT_TOKENS: 'true', VERDICT_MAX_STALE_SECONDS: '60' }, { db })
    watched.clock.freeze('2030-01-01T12:00:00.000Z')
    await watched.createKey('bob')
    await db.prisma.owner.update({ where: { subject: subjects.bob }, data: { limitPerDay: 2 } })
  })
  afterAll(async () => {
    db.isDown = false
    await watched.close()
  })

  test('known limits hold for as long as verdicts do, and what is not known is no yes', async () => {
    watched.clock.advance(10_000)
    expect((await ask()).headers['otoroshi-daily-calls-remaining']).toBe('1')
    db.isDown = true
    watched.clock.advance(10_000)

    expect([(await ask()).status, (await ask()).status]).toEqual([200, 429])
    expect(await ask({ sub: 'somebody-else' })).toMatchObject({ status: 503, json: { code: 'unavailable' } })
    watched.clock.advance(60_000)
    expect((await ask()).status).toBe(503)

    db.isDown = false
    watched.clock.advance(1000)
    expect((await ask()).status).toBe(429)
    expect((await ask({ sub: 'somebody-else' })).status).toBe(200)
  })

  test('a token whose subject cannot be stored spoils no look-up of others', async () => {
    watched.clock.advance(10_000)
    const subs = ['one', 'two', 'a\0b', 'three', '\ud800']

    const answers = await Promise.all(subs.map((sub) => ask({ sub })))

    expect(answers.map(({ status }) => status)).toEqual([200, 200, 401, 200, 401])
  })

  test('many calls of one person at once cost one question', async () => {
    watched.clock.advance(10_000)
    const from = db.asked.length

    await Promise.all(Array.from({ length: 20 }, () => ask({ sub: 'one-of-many' })))

    const asked = db.asked.slice(from).filter(({ name }) => name === 'find-limits-of-owners')
    expect(asked).toHaveLength(1)
  })

  test('a limit that is set during a question is not missed by the next call', async () => {
    const alice = { sub: subjects.alice, preferred_username: 'alice' }
    await watched.createKey('alice')
    await db.prisma.owner.update({ where: { subject: subjects.bob }, data: { limitPerDay: null } })
    watched.clock.advance(10_000)
    const administrator = await watched.as('bob', { claims: { realm_access: { roles: ['latchkey-admin'] } } })
    const question = db.holdNext('find-limits-of-owners')
    const before = ask(alice)
    await question.reached
    const set = await watched.inject({
      ...{ method: 'PUT', url: `/admin/owners/${subjects.alice}/limits`, headers: administrator },
      payload: { per_day: 1 },
    })
    question.release()

    const [during, after] = [await before, await ask(alice)]

    expect(set.status).toBe(200)
    expect(during.headers).not.toHaveProperty('ratelimit')
    expect(after.headers['ratelimit-policy']).toBe('"owner-per-day";q=1;w=86400')
  })
})
