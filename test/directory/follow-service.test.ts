import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { NotAllowed } from '../../src/directory/source.js'
import { expectProblem, requestsTo, subjects } from '../keys/requests.js'
import { logIn } from '../support/log-in.js'
import { createPeople, type People } from '../support/people.js'
import { startService, type TestService } from '../support/service.js'

// The whole service, following the people of this test; a round every half second.
let people: People
let service: TestService
const ask = requestsTo(() => service)
const env = {
  DIRECTORY_SYNC_SECONDS: '1',
  OIDC_ATTRIBUTES: 'department,organization',
  MAX_KEYS_PER_USER: '100',
}
beforeAll(async () => {
  people = createPeople()
  service = await startService(env, { directory: people })
})
beforeEach(() => people.set(subjects.alice, {}))
afterEach(() => {
  people.failure = null
})
afterAll(() => service.close())

/** Within the bound of a second that the settings say, and some for a busy machine. */
const soon = (check: () => Promise<void>) => vi.waitFor(check, { timeout: 5000, interval: 50 })

test('an OAuth2 token of someone who is disabled opens nothing, and manages no keys', async () => {
  const headers = await service.as('alice')
  expect((await service.inject({ url: '/me', headers })).status).toBe(200)
  expect((await service.inject({ url: '/catalog/collections', headers })).status).toBe(200)

  people.set(subjects.alice, 'disabled')

  await soon(async () => expect((await service.inject({ url: '/me', headers })).status).toBe(401))
  expect((await service.inject({ url: '/catalog/collections', headers })).json.code).toBe(
    'invalid_credential',
  )
  const fresh = await service.as('alice')
  expectProblem(
    await service.inject({ method: 'POST', url: '/api-keys', headers: fresh, payload: { name: 'x' } }),
    401,
    'invalid_credential',
  )
  expect((await service.inject({ url: '/me', headers: await service.as('bob') })).status).toBe(200)
})

test('a session of someone who is disabled is none, and is one again after the enabling', async () => {
  const { cookie } = await logIn(service, 'alice')
  const ask = () => service.inject({ url: '/me', headers: { cookie } })
  expect((await ask()).json).toMatchObject({ login: 'alice', via: 'session' })

  people.set(subjects.alice, 'disabled')
  await soon(async () => expect((await ask()).json.code).toBe('not_authenticated'))

  people.set(subjects.alice, {})
  await soon(async () => expect((await ask()).status).toBe(200))
})

test('the keys of someone who is disabled say so to their owner, and open nothing', async () => {
  const { value, id } = await service.createKey('bob')
  people.set(subjects.bob, 'disabled')

  await soon(async () => expectProblem(await ask.with(value), 401, 'invalid_credential'))
  await soon(async () =>
    expect(await service.db.prisma.owner.findUnique({ where: { subject: subjects.bob } })).toMatchObject({
      enabled: false,
    }),
  )

  people.set(subjects.bob, { login: 'bob' })
  await soon(async () => expect(await ask.status(value)).toBe(200))
  expect((await ask.as('bob', 'GET', `/api-keys/${id}`)).json.status).toBe('active')
})

test('attributes of the directory are in /me and over the config of the key', async () => {
  people.set(subjects.alice, { attributes: { department: 'ops', organization: 'acme' } })
  const { value } = await service.createKey('alice', { config: { department: 'mine' } })

  await soon(async () =>
    expect((await ask.with(value)).json.attributes).toEqual({ department: 'ops', organization: 'acme' }),
  )
})

test('attributes in the claims of a token are those of its caller', async () => {
  const headers = await service.as('alice', { claims: { department: 'ops', secret: 'not asked for' } })

  const { json, body } = await service.inject({ url: '/me', headers })

  expect(json.attributes).toEqual({ department: 'ops' })
  expect(body).not.toContain('not asked for')
})

test('a login does not take away what only the directory tells', async () => {
  people.set(subjects.alice, { attributes: { organization: 'acme' } })
  const { value } = await service.createKey('alice')
  await soon(async () => expect((await ask.with(value)).json.attributes).toEqual({ organization: 'acme' }))

  await service.createKey('alice', {})

  expect((await ask.with(value)).json.attributes).toEqual({ organization: 'acme' })
})

test('rights that are withdrawn leave the keys in use', async () => {
  const { value } = await service.createKey('alice')
  expect((await ask.with(value)).json.roles).toContain('rspy-user')

  people.set(subjects.alice, { rights: ['something-else'] })

  await soon(async () => expect((await ask.with(value)).json.roles).toEqual(['something-else']))
})

test('without a service account no key lives for ever, and the log says why', async () => {
  const refusing = createPeople()
  refusing.failure = new NotAllowed('the client latchkey has no service account')
  const other = await startService(env, { directory: refusing })
  try {
    await soon(async () => expect(other.log.join('')).toContain('no key may live for ever'))
    const headers = await other.as('alice')
    const create = (payload: object) =>
      other.inject({ method: 'POST', url: '/api-keys', headers, payload: { name: 'one', ...payload } })

    expectProblem(await create({ never_expires: true }), 403, 'never_expires_not_allowed')
    expect((await create({})).status).toBe(201)
    expect(other.log.join('')).toContain('has no service account')
  } finally {
    await other.close()
  }
})

test('while nobody knows whether there is a service account, no key is made that lives for ever', async () => {
  const silent = createPeople()
  silent.failure = new Error('connect ECONNREFUSED')
  const other = await startService(env, { directory: silent })
  try {
    const headers = await other.as('alice')
    const payload = { name: 'one', never_expires: true }

    expectProblem(
      await other.inject({ method: 'POST', url: '/api-keys', headers, payload }),
      503,
      'unavailable',
    )
    expect(await other.db.prisma.apiKey.count()).toBe(0)
  } finally {
    await other.close()
  }
})

test('a key that never expires goes on living when it is renewed where people are followed', async () => {
  const { id } = await service.createKey('alice', { never_expires: true })

  expect((await ask.as('alice', 'POST', `/api-keys/${id}/renew`)).json).toMatchObject({
    never_expires: true,
    expires_at: null,
  })
})
