import { afterAll, beforeAll, expect, test } from 'vitest'
import { logIn } from '../support/log-in.js'
import { startService, type TestService } from '../support/service.js'
import { expectProblem, requestsTo, subjects, withoutRequestId } from './requests.js'

let service: TestService
const ask = requestsTo(() => service)
beforeAll(async () => {
  service = await startService({
    OIDC_AUDIENCES: 'latchkey,other-client',
    OIDC_MANAGEMENT_CLIENTS: 'latchkey',
  })
})
afterAll(() => service.close())

const ofOneKey = [
  ['GET', '', undefined],
  ['PATCH', '', { note: 'mine now' }],
  ['POST', '/revoke', {}],
  ['POST', '/revoke', { permanent: true }],
  ['POST', '/renew', {}],
  ['POST', '/rotate', { grace_seconds: 60 }],
  ['DELETE', '', undefined],
] as const

const loginOnly = [
  ['POST', '/api-keys', { name: 'another' }],
  ['GET', '/api-keys', undefined],
  ['PATCH', '/api-keys/{id}', { note: 'x' }],
  ['POST', '/api-keys/{id}/renew', {}],
  ['POST', '/api-keys/{id}/rotate', {}],
  ['DELETE', '/api-keys/{id}', undefined],
] as const

test.each(ofOneKey)(
  '%s {id}%s of another owner’s key reads as of an unknown one',
  async (method, path, payload) => {
    const key = await service.createKey('alice', { name: 'private matter' })
    const before = {
      rows: await ask.countRows(),
      key: (await ask.as('alice', 'GET', `/api-keys/${key.id}`)).json,
    }

    const others = await ask.as('bob', method, `/api-keys/${key.id}${path}`, payload)
    const unknown = await ask.as('bob', method, `/api-keys/zzzzzzzz${path}`, payload)

    expectProblem(others, 404, 'not_found')
    expect(withoutRequestId(others)).toEqual(withoutRequestId(unknown))
    expect(Object.keys(others.headers).sort()).toEqual(Object.keys(unknown.headers).sort())
    expect(others.body).not.toContain('private')
    expect(await ask.countRows()).toEqual(before.rows)
    expect((await ask.as('alice', 'GET', `/api-keys/${key.id}`)).json).toEqual(before.key)
    expect(await ask.status(key.value)).toBe(200)
    await ask.as('alice', 'DELETE', `/api-keys/${key.id}`)
  },
)

test.each(ofOneKey)(
  '%s {id}%s without a credential tells only that one is needed',
  async (method, path, payload) => {
    const answer = await service.inject({
      method,
      url: `/api-keys/zzzzzzzz${path}`,
      ...(payload === undefined ? {} : { payload }),
    })

    expectProblem(answer, 401, 'not_authenticated')
  },
)

test('another owner’s keys are in nobody’s list', async () => {
  const key = await service.createKey('alice', { name: 'listed' })

  expect((await ask.as('alice', 'GET', '/api-keys')).body).toContain(key.id)
  expect((await ask.as('bob', 'GET', '/api-keys?limit=200')).body).not.toContain(key.id)
})

test('a key reads who it is, and itself', async () => {
  const { value, id } = await service.createKey('alice', { scopes: ['rspy-user'] })

  const me = await ask.with(value)
  const itself = await ask.with(value, 'GET', `/api-keys/${id}`)

  expect(me.json).toEqual({
    subject: subjects.alice,
    login: 'alice',
    name: 'Alice Liddell',
    email: 'alice@example.test',
    kind: 'user',
    via: 'api-key',
    roles: ['latchkey:catalog_read', 'rspy-user'],
    scopes: ['rspy-user'],
    attributes: {},
    key_id: id,
  })
  expect(itself.json).toMatchObject({ id, status: 'active' })
})

test('with a token `/me` tells of the person, and of no key', async () => {
  const answer = await ask.as('alice', 'GET', '/me')

  expect(answer.json).toMatchObject({ subject: subjects.alice, via: 'oauth2' })
  expect(answer.json).not.toHaveProperty('key_id')
  expect(answer.headers['cache-control']).toBe('no-store')
})

test.each(loginOnly)('a key may not %s %s, even of itself', async (method, path, payload) => {
  const { value, id } = await service.createKey('alice')
  const rows = await ask.countRows()

  const answer = await ask.with(value, method, path.replace('{id}', id), payload)

  expectProblem(answer, 403, 'login_required')
  expect(await ask.countRows()).toEqual(rows)
  expect(await ask.status(value)).toBe(200)
  await ask.as('alice', 'DELETE', `/api-keys/${id}`)
})

test('a key may neither read nor revoke its owner’s other keys, nor learn which there are', async () => {
  const { value } = await service.createKey('alice')
  const other = await service.createKey('alice')

  for (const id of [other.id, 'zzzzzzzz']) {
    expectProblem(await ask.with(value, 'GET', `/api-keys/${id}`), 403, 'login_required')
    expectProblem(await ask.with(value, 'POST', `/api-keys/${id}/revoke`), 403, 'login_required')
  }

  expect(await ask.status(other.value)).toBe(200)
})

test('a key revokes itself, and that was its last call', async () => {
  const { value, id } = await service.createKey('alice')

  const answer = await ask.with(value, 'POST', `/api-keys/${id}/revoke`, { permanent: true })

  expect(answer.json).toMatchObject({ id, status: 'revoked', revoked_by: 'leak' })
  expectProblem(await ask.with(value), 401, 'invalid_credential')
  expectProblem(await ask.with(value, 'POST', `/api-keys/${id}/revoke`), 401, 'invalid_credential')
})

test('a read-only key revokes itself and writes nothing else', async () => {
  const { value, id } = await service.createKey('alice', { read_only: true })

  expectProblem(await ask.with(value, 'PATCH', `/api-keys/${id}`, { note: 'x' }), 403, 'read_only_key')
  expectProblem(await ask.with(value, 'POST', '/api-keys', { name: 'x' }), 403, 'read_only_key')
  expect((await ask.with(value, 'GET', `/api-keys/${id}`)).status).toBe(200)
  expect((await ask.with(value, 'POST', `/api-keys/${id}/revoke`)).json.status).toBe('revoked')
})

test('a token of another client is good, but manages no keys', async () => {
  const { id } = await service.createKey('alice')
  const rows = await ask.countRows()
  const headers = await service.as('alice', { clientId: 'other-client' })

  expect((await service.inject({ url: '/me', headers })).json).toMatchObject({
    login: 'alice',
    via: 'oauth2',
  })
  for (const [method, path, payload] of loginOnly) {
    const url = path.replace('{id}', id)
    const answer = await service.inject({
      method,
      url,
      headers,
      ...(payload === undefined ? {} : { payload }),
    })
    expectProblem(answer, 403, 'client_not_allowed')
  }
  for (const [method, path, payload] of ofOneKey) {
    const url = `/api-keys/${id}${path}`
    const answer = await service.inject({
      method,
      url,
      headers,
      ...(payload === undefined ? {} : { payload }),
    })
    expectProblem(answer, 403, 'client_not_allowed')
  }

  expect(await ask.countRows()).toEqual(rows)
  await ask.as('alice', 'DELETE', `/api-keys/${id}`)
})

test('a token that names no client manages no keys', async () => {
  const headers = await service.as('alice', { claims: { azp: undefined } })

  const answer = await service.inject({ method: 'POST', url: '/api-keys', headers, payload: { name: 'x' } })

  expectProblem(answer, 403, 'client_not_allowed')
})

test.each(['a_b', 'a%2Fb', '%00', 'x'.repeat(65), 'lk_aaaaaaaa_x'])('%s is no id of a key', async (id) => {
  for (const [method, path, payload] of ofOneKey) {
    const answer = await ask.as('alice', method, `/api-keys/${id}${path}`, payload)
    expectProblem(answer, 400, 'validation_failed')
  }
})

test('whoever is logged in manages keys without a token, and the ledger tells it so', async () => {
  const { cookie } = await logIn(service, 'alice')
  const headers = { cookie, 'sec-fetch-site': 'same-origin' }
  const create = (sent: object) =>
    service.inject({
      method: 'POST',
      url: '/api-keys',
      headers: { ...sent },
      payload: { name: 'by session' },
    })

  expectProblem(await create({ cookie, 'sec-fetch-site': 'cross-site' }), 403, 'cross_site_request')
  const made = await create(headers)

  expect(made.status).toBe(201)
  expect((await ask.with(made.json.value)).json.login).toBe('alice')
  const [line] = await service.db.prisma.auditEvent.findMany({ where: { targetId: made.json.id } })
  expect(line).toMatchObject({ via: 'session', actorSubject: subjects.alice, action: 'key.created' })
})

test('a refused key does not fall through to a good token beside it', async () => {
  const headers = { ...(await service.as('alice')), 'x-api-key': 'lk_nonsense' }

  expectProblem(await service.inject({ url: '/api-keys', headers }), 401, 'invalid_credential')
})

test('a token of an owner who is disabled here manages no keys', async () => {
  const { id } = await service.createKey('bob')
  const before = await ask.countRows()
  await service.db.prisma.owner.update({ where: { subject: subjects.bob }, data: { enabled: false } })

  const answers = [
    await ask.as('bob', 'POST', '/api-keys', { name: 'one more' }),
    await ask.as('bob', 'POST', `/api-keys/${id}/renew`),
    await ask.as('bob', 'POST', `/api-keys/${id}/rotate`),
  ]

  for (const answer of answers) expectProblem(answer, 401, 'invalid_credential')
  expect(await ask.countRows()).toEqual(before)
  await service.db.prisma.owner.update({ where: { subject: subjects.bob }, data: { enabled: true } })
})

test('the start says once what changed for a deployment that lists a client in OIDC_AUDIENCES', () => {
  const lines = service.log.map((line) => JSON.parse(line)).filter(({ msg }) => /OIDC_AUTHORIZED/.test(msg))

  expect(lines).toEqual([
    expect.objectContaining({
      level: 40,
      noLongerAcceptedByAzp: ['other-client'],
      nowAcceptedByAzp: ['latchkey-swagger', 'latchkey-cli'],
    }),
  ])
})
