import { createHash, createHmac, randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { startService, type TestService } from '../support/service.js'
import { administrationOf, expectInvalid, expectProblem, subjects } from './world.js'

const secret = 'a-secret-of-another-system-that-is-long'
const sha256 = (value: string) => createHash('sha256').update(value).digest('hex')

let service: TestService
const ask = administrationOf(() => service)
beforeAll(async () => {
  service = await startService({ KEY_ENCRYPTION_SECRET: 'e'.repeat(32) })
})
afterAll(() => service.close())
beforeEach(async () => {
  await service.db.write(async (tx) => {
    await tx.apiKey.deleteMany()
    await tx.owner.deleteMany({ where: { kind: 'server' } })
  })
})

const importKey = (wanted: object) =>
  ask.admin('POST', '/admin/api-keys', { name: `imported ${randomUUID()}`, ...wanted })
const asPair = (id: string, with_: string) => ({ 'otoroshi-client-id': id, 'otoroshi-client-secret': with_ })
const me = (headers: Record<string, string>) => service.inject({ url: '/me', headers })

describe('an imported key', () => {
  test('works with its own id and secret, and its secret is in no answer, no ledger and no row', async () => {
    const answer = await importKey({ id: 'old.key-1', secret, scopes: ['read'] })

    expect(answer.status).toBe(201)
    expect(answer.json).toMatchObject({ id: 'old.key-1', value: null, kind: 'server', jwt: false })
    expect((await me(asPair('old.key-1', secret))).json).toMatchObject({
      subject: 'server:old.key-1',
      scopes: ['read'],
    })
    const stored = await service.db.query({
      ...{ name: 'rows', values: [] },
      text: 'SELECT k::text, v::text, a::text FROM api_keys k, api_key_values v, audit_events a',
    })
    for (const text of [answer.body, JSON.stringify(stored), service.log.join('\n')])
      expect(text).not.toContain(secret)
    expect((await ask.linesOf('old.key-1')).map(({ action }) => action)).toEqual(['key.imported'])
  })

  test('of a person, known by its SHA-256 alone, works as before', async () => {
    await service.createKey('bob')
    const value = 'value-of-the-manager-before-0123456789'

    const answer = await importKey({ value_sha256: sha256(value), owner: subjects.bob })

    expect(answer.json).toMatchObject({
      kind: 'user',
      owner: { login: 'bob' },
      scopes: ['inherit'],
      value: null,
    })
    expect((await ask.with(value)).json).toMatchObject({
      login: 'bob',
      roles: expect.arrayContaining(['rspy-user']),
    })
    expect((await ask.bob('GET', `/api-keys/${answer.json.id}`)).status).toBe(200)
    await ask.admin('POST', `/admin/api-keys/${answer.json.id}/revoke`)
    expect((await ask.with(value)).status).toBe(401)
  })

  test('signs JWTs with the decoded bytes of its secret, where it was said so', async () => {
    const bytes = Buffer.from('a secret of thirty-two bytes ...')
    await importKey({ id: 'signer', secret: bytes.toString('base64'), secret_encoding: 'base64', jwt: true })
    const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url')
    const signed = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode({ iss: 'signer' })}`
    const sign = (key: Buffer) => `${signed}.${createHmac('sha256', key).update(signed).digest('base64url')}`

    const good = await me({ authorization: `Bearer ${sign(bytes)}` })
    const wrong = await me({ authorization: `Bearer ${sign(Buffer.from(bytes.toString('base64')))}` })

    expect(good.json).toMatchObject({ subject: 'server:signer', via: 'key-jwt' })
    expectProblem(wrong, 401, 'invalid_credential')
  })

  test('gets another secret, and the one before works for its grace', async () => {
    await importKey({ id: 'changing', secret })
    const change = (wanted: object) => ask.admin('PATCH', '/admin/api-keys/changing', wanted)
    const next = `next-${secret}`

    const answer = await change({ secret: next, grace_seconds: 60, note: 'changed' })

    expect(answer.json).toMatchObject({
      id: 'changing',
      note: 'changed',
      previous_values: [{ last_used_at: null }],
    })
    expect(answer.body).not.toContain(next)
    for (const each of [secret, next]) expect((await me(asPair('changing', each))).status).toBe(200)
    await change({ secret: `third-${secret}` })
    for (const each of [secret, next]) expect((await me(asPair('changing', each))).status).toBe(401)
    expect((await ask.linesOf('changing')).map(({ action }) => action)).toEqual([
      'key.imported',
      'key.secret_set',
      'key.updated',
      'key.secret_set',
    ])
  })

  test('is one, however many import it at once', async () => {
    const answers = await Promise.all(Array.from({ length: 5 }, () => importKey({ id: 'once', secret })))

    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409, 409])
    expect(await service.db.prisma.apiKey.count()).toBe(1)
  })

  test('of a person counts among their twenty', async () => {
    for (let n = 0; n < 20; n += 1) await service.createKey('bob')

    const answer = await importKey({ value_sha256: sha256('x'), owner: subjects.bob })

    expectProblem(answer, 409, 'key_limit_reached')
  })
})

describe('what cannot be imported:', () => {
  test.each<[string, object, string[]]>([
    ['a secret without an id', { secret }, ['id']],
    ['an id without a secret', { id: 'alone' }, ['id']],
    ['a secret and a hash', { id: 'both', secret, value_sha256: sha256('x') }, ['value_sha256']],
    ['an encoding of nothing', { secret_encoding: 'base64' }, ['secret_encoding']],
    ['a weak secret', { id: 'weak', secret: '1234456789' }, ['secret']],
    ['dots alone', { id: '..', secret }, ['id']],
    ['an id with a slash', { id: 'a/b', secret }, ['id']],
    ['a hash of another length', { value_sha256: 'abc' }, ['value_sha256']],
    ['a hash that signs JWTs', { value_sha256: sha256('x'), jwt: true }, ['jwt']],
    ['a person’s key whose value would be shown', { owner: subjects.bob }, ['owner']],
    ['a key of nobody', { value_sha256: sha256('x'), owner: 'nobody' }, ['owner']],
    ['a key of a server user', { value_sha256: sha256('x'), owner: 'server:x' }, ['owner']],
  ])('%s', async (_case, wanted, paths) => {
    const answer = await importKey(wanted)

    expectInvalid(answer, ...paths)
    expect(answer.body).not.toContain(secret)
    expect(await service.db.prisma.apiKey.count()).toBe(0)
  })

  test('an id or a value that is there already', async () => {
    const { id } = await service.createKey('bob')
    await importKey({ value_sha256: sha256('x') })

    expectProblem(await importKey({ id, secret }), 409, 'id_taken')
    expectProblem(await importKey({ value_sha256: sha256('x') }), 409, 'id_taken')
  })

  test('a secret for a key that was made here, or without a key', async () => {
    const { id } = await service.createKey('bob')

    expectInvalid(await ask.admin('PATCH', `/admin/api-keys/${id}`, { secret }), 'secret')
    expectInvalid(await ask.admin('PATCH', `/admin/api-keys/${id}`, { grace_seconds: 5 }), 'grace_seconds')
    expectProblem(await ask.admin('PATCH', '/admin/api-keys/none', { secret }), 404, 'not_found')
  })

  test('anything by the owner of a key', async () => {
    expectInvalid(await ask.bob('POST', '/api-keys', { name: 'x', id: 'own', secret }), 'id', 'secret')
  })
})
