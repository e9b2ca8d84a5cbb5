import Fastify from 'fastify'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import auth, { type Administration, type Confirmation } from '../../src/auth/index.js'
import { createRightCheck } from '../../src/directory/confirm.js'
import { type Directory, fixedPeople, followDirectory } from '../../src/directory/follow.js'
import { NotAllowed } from '../../src/directory/source.js'
import { guardedApp } from '../support/guarded-app.js'
import { createPeople, type People } from '../support/people.js'
import { startService, type TestService } from '../support/service.js'

const role = 'latchkey-admin'
const subject = 'carol-id'
const syncMs = 30_000
const maxStaleMs = 3_600_000
const silent = { info: () => {}, warn: () => {}, error: () => {} }

let service: TestService
beforeAll(async () => {
  service = await startService()
})
afterAll(() => service.close())
beforeEach(async () => {
  await service.db.write(async (tx) => {
    await tx.apiKeyValue.deleteMany()
    await tx.apiKey.deleteMany()
    await tx.owner.deleteMany()
  })
})

/** Who calls a route for administrators, where these are the people of the identity provider. */
async function callAs(claims: Record<string, unknown>, directory: Directory = fixedPeople, method = 'GET') {
  const { db, clock } = service
  const confirm = createRightCheck({ db, owners: directory, invalidateOwner: () => {}, clock: clock.now })
  const app = await guardedApp(
    service,
    [{ url: '/', method: ['GET', 'POST'], access: { by: 'admin' }, handler: () => 'secret data' }],
    { administration: { role, confirm }, isOwn: true },
  )
  const headers = await service.as('alice', { claims: { sub: subject, ...claims } })
  const response = await app.inject({ method: method as 'GET', url: '/', headers })
  await app.close()
  return { status: response.statusCode, body: response.body, headers: response.headers }
}

const administrator = { realm_access: { roles: [role] } }

describe('a route for administrators', () => {
  test('opens for an OAuth2 token that carries the role', async () => {
    expect(await callAs(administrator)).toMatchObject({ status: 200, body: 'secret data' })
  })

  test.each<[string, Record<string, unknown>]>([
    ['no role', { realm_access: { roles: ['rspy-user'] } }],
    ['a client role of that name', { realm_access: {}, resource_access: { latchkey: { roles: [role] } } }],
    ['a role of a client without a name', { realm_access: {}, resource_access: { '': { roles: [role] } } }],
    ['a group of that name', { realm_access: {}, groups: [role, `/${role}`] }],
    ['an OAuth2 scope of that name', { realm_access: {}, scope: role }],
    ['a role that begins so', { realm_access: { roles: [`${role}s`, ` ${role}`, role.toUpperCase()] } }],
  ])('refuses a token with %s, and names the role', async (_case, claims) => {
    const { status, body, headers } = await callAs(claims)

    expect(status).toBe(403)
    expect(JSON.parse(body)).toMatchObject({
      code: 'insufficient_scope',
      detail: expect.stringContaining(role),
    })
    expect(headers['www-authenticate']).toBe(`Bearer error="insufficient_scope", scope="${role}"`)
    expect(body).not.toContain('secret data')
  })

  test('asks who comes without a credential for one', async () => {
    const confirm = async (): Promise<Confirmation> => 'held'
    const app = await guardedApp(service, [{ access: { by: 'admin' } }], {
      administration: { role, confirm },
    })

    const response = await app.inject('/')
    await app.close()

    expect([response.statusCode, response.json().code]).toEqual([401, 'not_authenticated'])
  })

  test('stops the start of a service that was not told who administrators are', async () => {
    const app = Fastify()
    const nothing = () => ({ kind: 'refused' }) as const
    await app.register(auth, { keyPrefix: 'lk', verifyKey: nothing, verifyToken: nothing })

    expect(() => app.get('/', { config: { access: { by: 'admin' } } }, () => '')).toThrow(/administrators/)
  })
})

describe('a key', () => {
  const open: Administration = { role, confirm: async () => 'held' }
  const withKey = async (value: string, method: 'GET' | 'POST' = 'GET') => {
    const probe = { method: ['GET', 'POST'], access: { by: 'admin' }, handler: () => 'secret data' } as const
    const app = await guardedApp(service, [{ ...probe, method: [...probe.method] }], {
      administration: open,
      isOwn: true,
    })
    const response = await app.inject({ method, url: '/', headers: { 'x-api-key': value } })
    await app.close()
    return { status: response.statusCode, body: response.body }
  }

  async function keyOf(kind: 'user' | 'server', wanted: { scopes: string[]; read_only?: boolean }) {
    const headers = await service.as('alice', { claims: { sub: subject, ...administrator } })
    const payload = { name: 'key', ...wanted }
    const { json } = await service.inject({ method: 'POST', url: '/api-keys', headers, payload })
    await service.db.write((tx) => tx.owner.update({ where: { subject }, data: { kind } }))
    return String(json.value)
  }

  test.each([[['inherit']], [[role]]])(
    'of an administrator with the scopes %j is refused',
    async (scopes) => {
      const { status, body } = await withKey(await keyOf('user', { scopes }))

      expect([status, JSON.parse(body).code]).toEqual([403, 'login_required'])
    },
  )

  test('of a server user that was given the role is accepted', async () => {
    expect(await withKey(await keyOf('server', { scopes: [role] }))).toEqual({
      status: 200,
      body: 'secret data',
    })
  })

  test('of a server user that was not given it is refused', async () => {
    const { status, body } = await withKey(await keyOf('server', { scopes: [] }))

    expect([status, JSON.parse(body).code]).toEqual([403, 'insufficient_scope'])
  })

  test('that may only read does not write', async () => {
    const value = await keyOf('server', { scopes: [role], read_only: true })

    expect((await withKey(value)).status).toBe(200)
    const { status, body } = await withKey(value, 'POST')
    expect([status, JSON.parse(body).code]).toEqual([403, 'read_only_key'])
  })
})

describe('with a directory that is followed', () => {
  let people: People
  let directory: Directory
  beforeEach(async () => {
    people = createPeople()
    const { db, clock } = service
    directory = followDirectory({
      ...{ source: people, db, policy: 'suspend', syncMs, maxStaleMs, log: silent, clock: clock.now },
    })
    people.set(subject, { rights: [role] })
    await directory.sync()
  })
  afterEach(() => directory.close())

  test('a role that was taken away is lost with a token that still carries it', async () => {
    expect((await callAs(administrator, directory)).status).toBe(200)

    people.set(subject, { rights: ['rspy-user'] })
    service.clock.advance(syncMs)
    const issuedAt = Math.floor(service.clock.now() / 1000) - syncMs / 1000
    const answer = await callAs({ ...administrator, iat: issuedAt }, directory)

    expect(answer.status).toBe(403)
    expect(answer.body).not.toContain('secret data')
  })

  test('a token that was made before the directory said no does not gain by being newer here', async () => {
    people.set(subject, { rights: [] })
    await callAs({ realm_access: {} }, directory)
    service.clock.advance(syncMs)
    await callAs(administrator, directory)

    // From an issuer whose clock is ahead.
    const ahead = { ...administrator, iat: Math.floor(service.clock.now() / 1000) + 4 }

    expect((await callAs(ahead, directory)).status).toBe(403)
  })

  test('a role that was just given is there with the first token that carries it', async () => {
    people.set(subject, { rights: ['rspy-user'] })
    expect((await callAs({}, directory)).status).toBe(403)
    const before = await callAs(administrator, directory)

    people.set(subject, { rights: [role] })

    expect(before.status).toBe(403)
    service.clock.advance(2000)
    expect((await callAs(administrator, directory)).status).toBe(200)
  })

  test('a token without the role gains nothing by what the directory says', async () => {
    expect((await callAs(administrator, directory)).status).toBe(200)

    expect((await callAs({ realm_access: { roles: ['rspy-user'] } }, directory)).status).toBe(403)
  })

  test('someone who was disabled is refused', async () => {
    expect((await callAs(administrator, directory)).status).toBe(200)

    people.set(subject, 'disabled')
    service.clock.advance(syncMs)
    const answer = await callAs(administrator, directory)

    expect([answer.status, JSON.parse(answer.body).code]).toEqual([401, 'invalid_credential'])
  })

  test('where it cannot be asked, what is known serves for its time, and then nothing is certain', async () => {
    const { iat } = { iat: Math.floor(service.clock.now() / 1000) }
    expect((await callAs({ ...administrator, iat }, directory)).status).toBe(200)

    people.failure = new Error('away')
    service.clock.advance(maxStaleMs / 2)
    await directory.sync()
    expect((await callAs({ ...administrator, iat }, directory)).status).toBe(200)
    service.clock.advance(maxStaleMs)
    const answer = await callAs({ ...administrator, iat }, directory)

    expect([answer.status, JSON.parse(answer.body).code]).toEqual([503, 'unavailable'])
    expect(answer.headers['retry-after']).toBe('5')
  })

  test('without a service account the word of the token serves', async () => {
    const mute = createPeople()
    mute.failure = new NotAllowed('no service account')
    const { db, clock } = service
    const unfollowed = followDirectory({
      ...{ source: mute, db, policy: 'suspend', syncMs, maxStaleMs, log: silent, clock: clock.now },
    })
    await db.write((tx) => tx.directoryState.deleteMany())
    await unfollowed.sync()

    const accepted = await callAs(administrator, unfollowed)
    const refused = await callAs({ realm_access: {} }, unfollowed)
    await unfollowed.close()

    expect([accepted.status, refused.status]).toEqual([200, 403])
  })
})
