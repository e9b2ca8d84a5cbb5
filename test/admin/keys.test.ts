import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { startService, type TestService } from '../support/service.js'
import { administrationOf, expectInvalid, expectProblem, subjects } from './world.js'

const now = new Date('2026-11-21T12:00:00.000Z')
const day = 86_400_000

let service: TestService
const ask = administrationOf(() => service)
beforeAll(async () => {
  service = await startService()
})
afterAll(() => service.close())
beforeEach(async () => {
  service.clock.freeze(now)
  await service.db.write(async (tx) => {
    await tx.apiKey.deleteMany()
    await tx.owner.deleteMany({ where: { kind: 'server' } })
  })
})

describe('a server key', () => {
  test('has a server user of its own, whose rights are its scopes', async () => {
    const answer = await ask.admin('POST', '/admin/api-keys', {
      name: 'Ingestion',
      scopes: ['read', 'a:write'],
    })
    const { id, value, ...key } = answer.json

    expect(answer.status).toBe(201)
    expect(answer.headers.location).toBe(`api-keys/${id}`)
    expect(key).toMatchObject({
      kind: 'server',
      name: 'Ingestion',
      owner: { subject: `server:${id}`, login: 'Ingestion' },
      scopes: ['read', 'a:write'],
      status: 'active',
      groups: [],
      services: [],
    })
    expect((await ask.with(value)).json).toMatchObject({
      subject: `server:${id}`,
      kind: 'server',
      login: 'Ingestion',
      roles: ['read', 'a:write'],
      scopes: ['read', 'a:write'],
      via: 'api-key',
    })
  })

  test('lives 15 days by default, as long as it was told, or for ever', async () => {
    const ends = []
    for (const [at, life] of [{}, { expires_in: 60 }, { never_expires: true }].entries()) {
      const answer = await ask.admin('POST', '/admin/api-keys', { name: `x${at}`, ...life })
      ends.push(answer.json.expires_at)
    }

    expect(ends).toEqual(['2026-12-06T12:00:00.000Z', '2026-11-21T12:01:00.000Z', null])
  })

  test('is not counted among the keys of a person, nor limited to twenty', async () => {
    for (let n = 0; n < 22; n += 1) await ask.serverKey()

    expect((await ask.admin('GET', '/admin/api-keys?kind=server')).json.items).toHaveLength(22)
    expect((await ask.admin('GET', '/api-keys')).json.items).toEqual([])
  })

  test.each<[string, object, string[]]>([
    ['inherits rights from nobody', { scopes: ['inherit'] }, ['scopes']],
    ['has not every right at once', { scopes: ['*'] }, ['scopes']],
    ['has not every right beside another', { scopes: ['read', '*'] }, ['scopes']],
    ['is for no group that is not registered', { groups: ['nobodys'] }, ['groups']],
    ['is for no service that is not registered', { services: ['nobodys'] }, ['services']],
    ['has no limit of zero', { limits: { per_day: 0 } }, ['limits.per_day', 'limits.per_day']],
    ['has no owner of the caller’s choice', { owner: subjects.bob }, ['owner']],
    ['does not live for ever and until an end', { never_expires: true, expires_in: 5 }, ['expires_in']],
    ['has a name', { name: '' }, ['name']],
  ])('%s', async (_case, wanted, paths) => {
    const answer = await ask.admin('POST', '/admin/api-keys', { name: 'x', ...wanted })

    expect(answer.status).toBe(400)
    const named = answer.json.errors.map(({ path }: { path: string }) => path)
    expect(named).toEqual(expect.arrayContaining(paths))
    expect(await service.db.prisma.owner.count({ where: { kind: 'server' } })).toBe(0)
  })

  test('may look at itself and revoke itself, and manages no keys', async () => {
    const { id, value } = await ask.serverKey()

    expect((await ask.with(value, 'GET', `/api-keys/${id}`)).json.kind).toBe('server')
    expectProblem(await ask.with(value, 'POST', '/api-keys', { name: 'x' }), 403, 'login_required')
    expect((await ask.with(value, 'POST', `/api-keys/${id}/revoke`)).json.status).toBe('revoked')
    expect((await ask.with(value)).status).toBe(401)
  })

  test('goes with its server user, and the ledger keeps what was done', async () => {
    const { id, value } = await ask.serverKey()
    expect((await ask.with(value)).status).toBe(200)

    expect((await ask.admin('DELETE', `/admin/api-keys/${id}`)).status).toBe(204)

    expect((await ask.with(value)).status).toBe(401)
    expect(await service.db.prisma.owner.count({ where: { subject: `server:${id}` } })).toBe(0)
    expect((await ask.linesOf(id)).map(({ action }) => action)).toEqual(['key.created', 'key.deleted'])
    expectProblem(await ask.admin('DELETE', `/admin/api-keys/${id}`), 404, 'not_found')
  })

  test('is not given every right later', async () => {
    const { id, value } = await ask.serverKey({ scopes: ['read'] })

    const answer = await ask.admin('PATCH', `/admin/api-keys/${id}`, { scopes: ['*'] })

    expectInvalid(answer, 'scopes')
    expect((await ask.with(value)).json.scopes).toEqual(['read'])
  })

  test('has new rights and a new name from the answer on', async () => {
    const { id, value } = await ask.serverKey({ scopes: ['read'] })
    expect((await ask.with(value)).json.scopes).toEqual(['read'])

    await ask.admin('PATCH', `/admin/api-keys/${id}`, { scopes: ['write'], name: 'renamed' })

    expect((await ask.with(value)).json).toMatchObject({
      roles: ['write'],
      scopes: ['write'],
      login: 'renamed',
    })
    expectInvalid(await ask.admin('PATCH', `/admin/api-keys/${id}`, { scopes: ['inherit'] }), 'scopes')
  })

  test('is no server user of a token that claims its subject', async () => {
    const { id, value } = await ask.serverKey({ scopes: ['read'] })
    const headers = await service.as('bob', {
      claims: { sub: `server:${id}`, realm_access: { roles: ['root'] } },
    })

    const answers = [
      await service.inject({ url: '/api-keys', headers }),
      await service.inject({ method: 'POST', url: '/api-keys', headers, payload: { name: 'second' } }),
      await service.inject({ method: 'POST', url: `/api-keys/${id}/rotate`, headers, payload: {} }),
    ]

    for (const answer of answers) expectProblem(answer, 401, 'invalid_credential')
    expect((await ask.with(value)).json).toMatchObject({ kind: 'server', roles: ['read'] })
  })
})

describe('the list of all keys', () => {
  const idsOf = async (query: string) =>
    (await ask.admin('GET', `/admin/api-keys${query}`)).json.items.map(({ id }: { id: string }) => id)

  test('has the keys of everybody, newest first, page by page, and never a value', async () => {
    const made = []
    for (const person of ['alice', 'bob', 'alice', 'bob'] as const) {
      made.unshift(await service.createKey(person))
      service.clock.advance(1)
    }
    const first = await ask.admin('GET', '/admin/api-keys?limit=3')
    const second = await ask.admin('GET', `/admin/api-keys?limit=3&cursor=${first.json.next_cursor}`)

    const listed = [...first.json.items, ...second.json.items].map(({ id }) => id)
    expect(listed).toEqual(made.map(({ id }) => id))
    expect(first.json.items).toHaveLength(3)
    expect(second.json.next_cursor).toBeNull()
    for (const { value } of made) expect(first.body + second.body).not.toContain(value.slice(-20))
  })

  test('is filtered by owner, kind, status and text', async () => {
    const alices = await service.createKey('alice', { name: 'Nightly 100%', note: 'runs on node_7' })
    const bobs = await service.createKey('bob', { name: 'nightly too' })
    const { id: server } = await ask.serverKey({ name: 'Ingestion' })
    await ask.admin('POST', `/admin/api-keys/${bobs.id}/revoke`)

    expect(await idsOf(`?owner=${subjects.alice}`)).toEqual([alices.id])
    expect(await idsOf('?kind=server')).toEqual([server])
    expect(await idsOf('?status=revoked')).toEqual([bobs.id])
    expect((await idsOf('?q=NIGHTLY')).sort()).toEqual([alices.id, bobs.id].sort())
    expect(await idsOf('?q=node_7')).toEqual([alices.id])
    expect(await idsOf('?q=bob')).toEqual([bobs.id])
    expect(await idsOf(`?q=${server.toLowerCase()}`)).toEqual([server])
    expect(await idsOf(`?q=nightly&owner=${subjects.bob}&status=revoked&kind=user`)).toEqual([bobs.id])
    expect(await idsOf('?owner=nobody')).toEqual([])
    expect(await idsOf('?group=nobodys')).toEqual([])
  })

  test.each(['%25', '_', '\\', '100_', 'node%257', "' OR 1=1 --"])(
    'takes %s as what it says, not as a pattern',
    async (text) => {
      await service.createKey('alice', { name: 'plain', note: 'node-7 1000' })

      expect(await idsOf(`?q=${text}`)).toEqual([])
    },
  )

  test('finds a percent sign, an underscore and a backslash where they are', async () => {
    const { id } = await service.createKey('alice', { name: '100%_\\' })

    for (const text of ['100%25', '%25_', '_%5C']) expect(await idsOf(`?q=${text}`)).toEqual([id])
  })

  test.each(['limit=0', 'limit=201', 'kind=robot', 'status=x', 'cursor=x', 'q=', 'unknown=1'])(
    'refuses %s',
    async (query) => {
      expectInvalid(await ask.admin('GET', `/admin/api-keys?${query}`), query.split('=')[0] ?? '')
    },
  )
})

describe('a person’s key', () => {
  test('is shown, and one that is not there is not', async () => {
    const key = await service.createKey('bob', { name: 'his' })
    const answer = await ask.admin('GET', `/admin/api-keys/${key.id}`)

    expect(answer.json).toMatchObject({ id: key.id, name: 'his', owner: { login: 'bob' } })
    expect(answer.body).not.toContain(key.value)
    expect(answer.json).not.toHaveProperty('value')
    expectProblem(await ask.admin('GET', '/admin/api-keys/unknown'), 404, 'not_found')
  })

  test('is narrowed at once, and in the ledger', async () => {
    const { id, value } = await service.createKey('bob')
    expect((await ask.with(value)).json.scopes).toContain('rspy-user')

    const answer = await ask.admin('PATCH', `/admin/api-keys/${id}`, {
      scopes: ['latchkey:catalog_read'],
      read_only: true,
      limits: { per_day: 1000 },
    })

    expect(answer.json).toMatchObject({
      scopes: ['latchkey:catalog_read'],
      read_only: true,
      limits: { per_second: null, per_day: 1000, per_month: null },
    })
    expect((await ask.linesOf(id)).at(-1)).toMatchObject({
      action: 'key.updated',
      actorSubject: subjects.alice,
      ownerSubject: subjects.bob,
      details: {
        changed: ['limits', 'read_only', 'scopes'],
        per_day: 1000,
        read_only: true,
        scopes: ['latchkey:catalog_read'],
      },
    })
  })

  test('gets no right that its owner has not', async () => {
    const { id, value } = await service.createKey('bob')

    await ask.admin('PATCH', `/admin/api-keys/${id}`, { scopes: ['rspy-user', 'latchkey-admin', 'root'] })

    expect((await ask.with(value)).json.scopes).toEqual(['rspy-user'])
  })

  test('loses one limit when only that is lifted', async () => {
    const { id } = await service.createKey('bob')
    await ask.admin('PATCH', `/admin/api-keys/${id}`, { limits: { per_second: 1, per_day: 2, per_month: 3 } })

    const answer = await ask.admin('PATCH', `/admin/api-keys/${id}`, { limits: { per_day: null } })

    expect(answer.json.limits).toEqual({ per_second: 1, per_day: null, per_month: 3 })
  })

  test.each<[string, object, string]>([
    ['a second name of its owner', { name: 'taken' }, 'name_taken'],
    ['nothing', {}, 'validation_failed'],
    ['a value', { value: 'x' }, 'validation_failed'],
    ['another owner', { owner: subjects.alice }, 'validation_failed'],
    ['inherit among others', { scopes: ['inherit', 'x'] }, 'validation_failed'],
    ['a group that is not registered', { groups: ['nobodys'] }, 'validation_failed'],
    ['a limit beyond any counter', { limits: { per_day: 3e9 } }, 'validation_failed'],
    ['an end in the past', { expires_at: '2020-01-01T00:00:00Z' }, 'validation_failed'],
    ['an end that is none', { expires_at: 'tomorrow' }, 'validation_failed'],
    ['an end in the year 10000', { expires_at: '9999-12-31T23:59:59-12:00' }, 'validation_failed'],
  ])('does not take %s', async (_case, change, code) => {
    await service.createKey('bob', { name: 'taken' })
    const { id } = await service.createKey('bob', { name: 'untouched' })
    const before = (await ask.admin('GET', `/admin/api-keys/${id}`)).json

    const answer = await ask.admin('PATCH', `/admin/api-keys/${id}`, change)

    expectProblem(answer, code === 'name_taken' ? 409 : 400, code)
    expect((await ask.admin('GET', `/admin/api-keys/${id}`)).json).toEqual(before)
  })

  test('of a disabled owner can still be revoked', async () => {
    const { id } = await service.createKey('bob')
    await service.db.write((tx) =>
      tx.owner.update({ where: { subject: subjects.bob }, data: { enabled: false } }),
    )

    const answer = await ask.admin('POST', `/admin/api-keys/${id}/revoke`)
    await service.db.write((tx) =>
      tx.owner.update({ where: { subject: subjects.bob }, data: { enabled: true } }),
    )

    expect(answer.json).toMatchObject({ status: 'revoked', revoked_by: 'administrator' })
  })
})

describe('what an administrator did its owner cannot undo:', () => {
  test('a disabled key', async () => {
    const { id, value } = await service.createKey('bob')
    expect((await ask.with(value)).status).toBe(200)

    await ask.admin('PATCH', `/admin/api-keys/${id}`, { enabled: false })

    expect((await ask.with(value)).status).toBe(401)
    expectProblem(await ask.bob('PATCH', `/api-keys/${id}`, { enabled: true }), 403, 'set_by_administrator')
    await ask.bob('PATCH', `/api-keys/${id}`, { enabled: false })
    expectProblem(await ask.bob('PATCH', `/api-keys/${id}`, { enabled: true }), 403, 'set_by_administrator')
    expect((await ask.with(value)).status).toBe(401)
    await ask.admin('PATCH', `/admin/api-keys/${id}`, { enabled: true })
    expect((await ask.with(value)).status).toBe(200)
  })

  test('a key that they had paused, and that was then disabled', async () => {
    const { id } = await service.createKey('bob')
    await ask.bob('PATCH', `/api-keys/${id}`, { enabled: false })

    await ask.admin('PATCH', `/admin/api-keys/${id}`, { enabled: false })

    expectProblem(await ask.bob('PATCH', `/api-keys/${id}`, { enabled: true }), 403, 'set_by_administrator')
  })

  test.each([false, true])('a revoked key, whether they had revoked it before (%s)', async (isRevoked) => {
    const { id, value } = await service.createKey('bob')
    if (isRevoked) await ask.bob('POST', `/api-keys/${id}/revoke`)

    const answer = await ask.admin('POST', `/admin/api-keys/${id}/revoke`)

    expect(answer.json).toMatchObject({ status: 'revoked', revoked_by: 'administrator' })
    expectProblem(await ask.bob('POST', `/api-keys/${id}/renew`), 403, 'set_by_administrator')
    await ask.bob('POST', `/api-keys/${id}/revoke`, { permanent: true })
    expect((await ask.admin('GET', `/admin/api-keys/${id}`)).json.revoked_by).toBe('administrator')
    expect((await ask.with(value)).status).toBe(401)
  })

  test('a key that was revoked for good', async () => {
    const { id } = await service.createKey('bob')

    await ask.admin('POST', `/admin/api-keys/${id}/revoke`, { permanent: true })

    expectProblem(await ask.bob('POST', `/api-keys/${id}/renew`), 409, 'permanently_revoked')
  })

  test('an end', async () => {
    const { id } = await service.createKey('bob')
    const end = new Date(now.getTime() + 2 * day).toISOString()
    const later = new Date(now.getTime() + 3 * day).toISOString()
    const nearer = new Date(now.getTime() + day).toISOString()

    await ask.admin('PATCH', `/admin/api-keys/${id}`, { expires_at: end })

    expect((await ask.bob('POST', `/api-keys/${id}/renew`)).json.expires_at).toBe(end)
    const lengthened = await ask.bob('POST', `/api-keys/${id}/renew`, { expires_at: later })
    expectProblem(lengthened, 403, 'set_by_administrator')
    expect((await ask.bob('POST', `/api-keys/${id}/renew`, { expires_at: nearer })).json.expires_at).toBe(
      nearer,
    )
    service.clock.advance(2 * day)
    expectProblem(await ask.bob('POST', `/api-keys/${id}/renew`), 403, 'set_by_administrator')
  })

  test('and an end that is lifted is theirs again', async () => {
    const { id } = await service.createKey('bob')
    const end = new Date(now.getTime() + day).toISOString()
    await ask.admin('PATCH', `/admin/api-keys/${id}`, { expires_at: end })

    await ask.admin('PATCH', `/admin/api-keys/${id}`, { expires_at: null })
    const later = new Date(now.getTime() + 9 * day).toISOString()

    expect((await ask.bob('POST', `/api-keys/${id}/renew`, { expires_at: later })).json.expires_at).toBe(
      later,
    )
  })
})

test('an administrator gives a person no twenty-first working key', async () => {
  const expired = await service.createKey('bob', { expires_in: 1 })
  service.clock.advance(2000)
  for (let n = 0; n < 20; n += 1) await service.createKey('bob')
  const end = new Date(now.getTime() + day).toISOString()

  const answer = await ask.admin('PATCH', `/admin/api-keys/${expired.id}`, { expires_at: end })

  expectProblem(answer, 409, 'key_limit_reached')
})

test('an owner and an administrator who change a key at once leave it as the administrator wants', async () => {
  const { id, value } = await service.createKey('bob')

  await Promise.all([
    ask.admin('POST', `/admin/api-keys/${id}/revoke`),
    ask.bob('POST', `/api-keys/${id}/renew`),
    ask.bob('PATCH', `/api-keys/${id}`, { enabled: true }),
    ask.bob('POST', `/api-keys/${id}/rotate`, { grace_seconds: 60 }),
    ask.bob('POST', `/api-keys/${id}/renew`),
  ])

  expect((await ask.admin('GET', `/admin/api-keys/${id}`)).json.revoked_by).toBe('administrator')
  expect((await ask.with(value)).status).toBe(401)
})
