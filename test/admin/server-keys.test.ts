import { createHash } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Answer, startService, type TestService } from '../support/service.js'
import { administrationOf, adminRole, expectProblem } from './world.js'

let service: TestService
const ask = administrationOf(() => service)
beforeAll(async () => {
  service = await startService()
})
afterAll(() => service.close())
beforeEach(async () => {
  await service.db.write(async (tx) => {
    await tx.apiKey.deleteMany()
    await tx.owner.deleteMany({ where: { kind: 'server' } })
  })
})

const url = '/admin/api-keys'
const make = (name: string, wanted: object = {}) => ask.admin('POST', url, { name, ...wanted })
const rename = (id: string, name: string) => ask.admin('PATCH', `${url}/${id}`, { name })
const aHash = (value: string) => ({ value_sha256: createHash('sha256').update(value).digest('hex') })
const statuses = (answers: Answer[]) => answers.map(({ status }) => status).sort()
const serverUsers = () => service.db.prisma.owner.findMany({ where: { kind: 'server' } })

describe('the name of a server key', () => {
  test('is that of no other, made here or elsewhere, and the refusal leaves nothing behind', async () => {
    const { id } = await ask.serverKey({ name: 'Ingestion' })

    for (const again of [await make('Ingestion'), await make('Ingestion', aHash('made elsewhere'))]) {
      expectProblem(again, 409, 'name_taken')
      expect(again.json.detail).toBe('Another server key has this name.')
    }

    expect((await serverUsers()).map(({ subject }) => subject)).toEqual([`server:${id}`])
    expect(await service.db.prisma.apiKey.count()).toBe(1)
    expect((await make('ingestion')).status).toBe(201)
  })

  test('is not taken by the key of a person, nor by a person who is called so', async () => {
    await service.createKey('bob', { name: 'Ingestion' })

    expect((await make('Ingestion')).status).toBe(201)
    expect((await make('bob')).status).toBe(201)
    expect((await ask.bob('POST', '/api-keys', { name: 'bob' })).status).toBe(201)
  })

  test('is taken by a key that was revoked or has expired, and free once it is deleted', async () => {
    const { id } = await ask.serverKey({ name: 'revoked' })
    await ask.admin('POST', `${url}/${id}/revoke`)
    await ask.serverKey({ name: 'expired', expires_in: 1 })
    service.clock.advance(1000)

    expectProblem(await make('revoked'), 409, 'name_taken')
    expectProblem(await make('expired'), 409, 'name_taken')
    await ask.admin('DELETE', `${url}/${id}`)

    expect((await make('revoked')).status).toBe(201)
  })

  test('is changed to one that is free, or to itself, and not to another’s', async () => {
    const { id, value } = await ask.serverKey({ name: 'one' })
    await ask.serverKey({ name: 'other' })

    expectProblem(await rename(id, 'other'), 409, 'name_taken')
    expect((await ask.with(value)).json.login).toBe('one')
    expect((await rename(id, 'one')).status).toBe(200)
    expect((await rename(id, 'third')).json).toMatchObject({ name: 'third', owner: { login: 'third' } })
    expect((await make('one')).status).toBe(201)
    expectProblem(await make('third'), 409, 'name_taken')
  })

  test('is given once, however many make, import and rename keys to it at once', async () => {
    const { id: first } = await ask.serverKey({ name: 'first' })
    const { id: second } = await ask.serverKey({ name: 'second' })

    const answers = await Promise.all([
      ...Array.from({ length: 8 }, () => make('the one')),
      ...Array.from({ length: 4 }, (_, at) => make('the one', aHash(`value ${at}`))),
      rename(first, 'the one'),
      rename(second, 'the one'),
    ])

    expect(statuses(answers).slice(1)).toEqual(Array(13).fill(409))
    expect(statuses(answers)[0]).toBeLessThan(300)
    const named = await service.db.prisma.apiKey.count({ where: { name: 'the one' } })
    expect([named, (await serverUsers()).filter(({ login }) => login === 'the one').length]).toEqual([1, 1])
  })
})

test('a server key pauses and goes on as any other, and its value is in no answer but the first', async () => {
  const { id, value } = await ask.serverKey({ name: 'Ingestion', scopes: ['read'] })

  const paused = await ask.admin('PATCH', `${url}/${id}`, { enabled: false })
  expectProblem(await ask.with(value), 401, 'invalid_credential')
  const resumed = await ask.admin('PATCH', `${url}/${id}`, { enabled: true })

  expect((await ask.with(value)).json).toMatchObject({ login: 'Ingestion', scopes: ['read'] })
  const answers = [paused, resumed, await ask.admin('GET', url), await ask.admin('GET', `${url}/${id}`)]
  for (const { body } of answers) {
    expect(body).toContain('Ingestion')
    expect(body).not.toContain(value.slice(-20))
    expect(body).not.toContain('"value"')
  }
})

describe('a server user', () => {
  test('is gone with its key, and so are its limits; the next key of that name has another', async () => {
    const old = await ask.serverKey({ name: 'Ingestion', scopes: ['read'] })
    const limitsUrl = `/admin/owners/server:${old.id}/limits`
    await ask.admin('PUT', limitsUrl, { per_day: 1 })
    expect((await ask.with(old.value)).status).toBe(200)
    expect((await ask.with(old.value)).status).toBe(429)

    await ask.admin('DELETE', `${url}/${old.id}`)
    const { id, value } = await ask.serverKey({ name: 'Ingestion' })

    expect((await ask.with(old.value)).status).toBe(401)
    expectProblem(await ask.admin('GET', limitsUrl), 404, 'not_found')
    expect((await ask.admin('GET', `${url}?owner=server:${old.id}`)).json.items).toEqual([])
    expect((await ask.with(value)).json).toMatchObject({ subject: `server:${id}`, scopes: [] })
    expect((await ask.with(value)).status).toBe(200)
    const told = await ask.admin('GET', `/admin/audit?owner=server:${old.id}`)
    const actions = told.json.items.map(({ action }: { action: string }) => action)
    expect(actions).toEqual(['key.deleted', 'owner.limited', 'key.created'])
  })

  test('stays while its key is only revoked, so that the list tells whose it was', async () => {
    const { id } = await ask.serverKey({ name: 'Ingestion' })

    await ask.admin('POST', `${url}/${id}/revoke`)

    const { items } = (await ask.admin('GET', `${url}?kind=server`)).json
    expect(items).toMatchObject([{ id, status: 'revoked', owner: { login: 'Ingestion' } }])
  })
})

describe('no key makes or lists keys of a person:', () => {
  test.each<[string, () => Promise<string>]>([
    ['a person’s key', async () => (await service.createKey('bob')).value],
    ['a server key', async () => (await ask.serverKey({ scopes: ['rspy-user'] })).value],
    ['an administrator’s server key', async () => (await ask.serverKey({ scopes: [adminRole] })).value],
  ])('%s', async (_case, makeValue) => {
    const value = await makeValue()
    const before = await service.db.prisma.apiKey.count()

    expectProblem(await ask.with(value, 'POST', '/api-keys', { name: 'x' }), 403, 'login_required')
    expectProblem(await ask.with(value, 'GET', '/api-keys'), 403, 'login_required')
    expect(await service.db.prisma.apiKey.count()).toBe(before)
  })
})
