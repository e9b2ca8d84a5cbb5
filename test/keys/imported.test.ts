import { createHash, randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { valueOfPair } from '../../src/auth/key-shape.js'
import { type Import, prepareImport } from '../../src/keys/import.js'
import { hashValue } from '../../src/keys/value.js'
import { Problem } from '../../src/problems/problem.js'
import { type OtherReplica, openOtherReplica } from '../support/other-replica.js'
import { startService, type TestService } from '../support/service.js'
import { requestsTo } from './requests.js'

let service: TestService
let replica: OtherReplica
const ask = requestsTo(() => service)
beforeAll(async () => {
  replica = await openOtherReplica()
  service = await startService({}, { db: replica.db })
})
afterAll(() => service.close())

const aSecret = () => randomBytes(32).toString('hex')
const aPair = (id: string, secret = aSecret()) =>
  ({ kind: 'pair', id, secret, secretEncoding: 'utf8', jwt: false }) as const
const sha256 = (text: string) => createHash('sha256').update(text).digest()
const base64 = (text: string) => Buffer.from(text).toString('base64')

const waysOfPairs: [string, (id: string, secret: string) => Record<string, string>][] = [
  ['headers of our own', (id, secret) => ({ 'otoroshi-client-id': id, 'otoroshi-client-secret': secret })],
  [
    'Basic in a header of our own',
    (id, secret) => ({ 'otoroshi-authorization': `Basic ${base64(`${id}:${secret}`)}` }),
  ],
  ['the same without its word', (id, secret) => ({ 'otoroshi-authorization': base64(`${id}:${secret}`) })],
  ['Authorization: Basic', (id, secret) => ({ authorization: `Basic ${base64(`${id}:${secret}`)}` })],
]
const waysOfValues: [string, (value: string) => Record<string, string>][] = [
  ['X-API-Key', (value) => ({ 'x-api-key': value })],
  ['Authorization: Apikey', (value) => ({ authorization: `Apikey ${value}` })],
  ['Authorization: Bearer', (value) => ({ authorization: `Bearer ${value}` })],
]
const me = (headers: Record<string, string>) => service.inject({ url: '/me', headers })

describe('an id and a secret of their own', () => {
  test.each(waysOfPairs)('open by %s, and nothing near them does', async (_way, present) => {
    const { id, secret } = aPair(`client.${randomBytes(4).toString('hex')}-x`)
    expect((await me(present(id, secret))).status).toBe(401)
    await replica.import(aPair(id, secret))

    const answer = await me(present(id, secret))

    expect(answer.json).toMatchObject({ subject: `server:${id}`, kind: 'server', via: 'api-key', key_id: id })
    const wrong: [string, string][] = [
      [id, `${secret}0`],
      [id, secret.slice(1)],
      [id, ''],
      [id.toUpperCase(), secret],
      [secret, id],
      ['', secret],
    ]
    for (const [wrongId, wrongSecret] of wrong) {
      expect((await me(present(wrongId, wrongSecret))).status).toBe(401)
    }
  })

  test.each(waysOfValues)('open as one value with a colon by %s', async (_way, present) => {
    const { id, secret } = aPair(`one-${randomBytes(4).toString('hex')}`)
    await replica.import(aPair(id, secret))

    expect((await me(present(`${id}:${secret}`))).json).toMatchObject({ key_id: id })
    expect((await me(present(`${id}:`))).status).toBe(401)
    expect((await me(present(secret))).status).toBe(401)
    expect((await me(present(`lk_${id}_${secret}`))).status).toBe(401)
  })

  test('are found by whoever asks for a verdict', async () => {
    const { id, secret } = aPair('asked-for')
    await replica.import(aPair(id, secret))

    const verdicts = await Promise.all(
      [`${id}:${secret}`, `${id}:${secret}x`].map(async (value) => {
        const payload = { value, method: 'GET', client_ip: '192.0.2.1' }
        return (await service.inject({ method: 'POST', url: '/api-keys/verify', payload })).json
      }),
    )

    expect(verdicts[0].principal).toMatchObject({ key_id: id, subject: `server:${id}` })
    expect(verdicts[1]).toMatchObject({ valid: false, code: 'invalid_credential' })
    expect(verdicts[1]).not.toHaveProperty('principal')
  })

  test('open nothing once the key is revoked, disabled, expired or deleted', async () => {
    const changes = [{ revokedAt: new Date() }, { enabled: false }, { expiresAt: new Date(1) }, null]
    for (const [at, change] of changes.entries()) {
      const { id, secret } = aPair(`ended-${at}`)
      await replica.import(aPair(id, secret))
      expect(await ask.status(`${id}:${secret}`)).toBe(200)

      const { apiKey } = replica.db.prisma
      if (change === null) await apiKey.delete({ where: { id } })
      else await apiKey.update({ where: { id }, data: change })
      replica.tell({ key: id })

      expect(await ask.status(`${id}:${secret}`)).toBe(401)
    }
  })

  test('a new secret opens at once, and the old one for its grace', async () => {
    const [first, second, third] = [aSecret(), aSecret(), aSecret()]
    await replica.import(aPair('turning', first))
    expect(await ask.status(`turning:${first}`)).toBe(200)

    await replica.setSecret('turning', { secret: second, secretEncoding: 'utf8', graceSeconds: 3600 })
    expect(await ask.status(`turning:${first}`)).toBe(200)
    expect(await ask.status(`turning:${second}`)).toBe(200)
    await replica.setSecret('turning', { secret: third, secretEncoding: 'utf8', graceSeconds: 0 })

    expect(await ask.status(`turning:${first}`)).toBe(401)
    expect(await ask.status(`turning:${second}`)).toBe(401)
    expect(await ask.status(`turning:${third}`)).toBe(200)
  })
})

describe('the hash of a foreign value', () => {
  test.each([
    ['in hex', (hash: Buffer) => hash.toString('hex')],
    ['in base64url', (hash: Buffer) => hash.toString('base64url')],
  ])('%s opens to the value itself, in every way of a value', async (_form, write) => {
    const value = `7f3e-${randomBytes(8).toString('hex')}`
    for (const [, present] of waysOfValues) expect((await me(present(value))).status).toBe(401)
    const id = await replica.import({ kind: 'hash', valueSha256: write(sha256(value)) })

    for (const [, present] of waysOfValues) {
      expect((await me(present(value))).json).toMatchObject({ key_id: id, via: 'api-key' })
      expect((await me(present(`${value} `.trim().toUpperCase()))).status).toBe(401)
      expect((await me(present(sha256(value).toString('hex')))).status).toBe(401)
      expect((await me(present(id))).status).toBe(401)
    }
  })

  test('is the only way in: a value of ours is never found by its hash', async () => {
    const { value } = await service.createKey('alice')
    const before = await ask.status(value)
    await replica.db.prisma.apiKey.updateMany({
      where: { owner: { login: 'alice' } },
      data: { enabled: false },
    })

    await replica.import({ kind: 'hash', valueSha256: sha256(`xx${value.slice(2)}`).toString('hex') })

    expect(before).toBe(200)
    expect(await ask.status(`xx${value.slice(2)}`)).toBe(200)
    expect(await ask.status(`yy${value.slice(2)}`)).toBe(401)
  })
})

describe('an import is refused', () => {
  const good = aSecret()
  const hash = sha256('x').toString('hex')
  test.each<[string, Import, string[]]>([
    ['with an id of dots', aPair('..', good), ['id']],
    ['with an empty id', aPair('', good), ['id']],
    ['with a colon in its id', aPair('a:b', good), ['id']],
    ['with an underscore in its id', aPair('a_b', good), ['id']],
    ['with a slash in its id', aPair('a/b', good), ['id']],
    ['with an id of 65 characters', aPair('a'.repeat(65), good), ['id']],
    ['with a line break in its id', aPair('a\n', good), ['id']],
    ['with an empty secret', aPair('a', ''), ['secret']],
    ['with a blank in its secret', aPair('a', `${good} x`), ['secret']],
    ['with a secret of another script', aPair('a', `${good}é`), ['secret']],
    ['with a secret of 31 characters', aPair('a', good.slice(0, 31)), ['secret']],
    ['with a secret of 513 characters', aPair('a', 'a'.repeat(513)), ['secret']],
    ['with both wrong', aPair('a b', 'short'), ['id', 'secret']],
    ['with too few bytes in base64', { ...aPair('a', '='.repeat(40)), secretEncoding: 'base64' }, ['secret']],
    ['with a hash that is none', { kind: 'hash', valueSha256: 'x' }, ['value_sha256']],
    ['with a hash cut short', { kind: 'hash', valueSha256: hash.slice(2) }, ['value_sha256']],
    ['with a hash and a bad id', { kind: 'hash', id: '.', valueSha256: hash }, ['id']],
  ])('%s', async (_fault, wanted, paths) => {
    const refusal = await replica.import(wanted).catch((error: unknown) => error)

    expect(refusal).toBeInstanceOf(Problem)
    expect((refusal as Problem).code).toBe('validation_failed')
    expect((refusal as Problem).details.errors?.map(({ path }) => path)).toEqual(paths)
    expect(JSON.stringify(refusal)).not.toContain(good.slice(0, 31))
  })

  test('with the id of any other key, and with a value that is there', async () => {
    const { id } = await service.createKey('bob')
    const secret = aSecret()
    await replica.import(aPair('taken', secret))

    for (const wanted of [aPair('taken'), aPair(id)]) {
      await expect(replica.import(wanted)).rejects.toMatchObject({ code: 'id_taken' })
    }
    const valueSha256 = sha256(`taken:${secret}`).toString('hex')
    await expect(replica.import({ kind: 'hash', valueSha256 })).rejects.toMatchObject({ code: 'id_taken' })
    expect(await ask.status(`taken:${secret}`)).toBe(200)
  })

  test('with a secret that this service made, which it would look for elsewhere', async () => {
    const { id, value } = await service.createKey('bob')

    await expect(replica.import(aPair(id, value))).rejects.toMatchObject({ code: 'validation_failed' })
    await expect(replica.import(aPair(id, value.slice(-49)))).rejects.toMatchObject({
      code: 'validation_failed',
    })
  })

  test('of a secret for a key that was not imported', async () => {
    const { id } = await service.createKey('bob')
    const wanted = { secret: aSecret(), secretEncoding: 'utf8', graceSeconds: 0 } as const

    await expect(replica.setSecret(id, wanted)).rejects.toMatchObject({ code: 'validation_failed' })
  })
})

test('weak secrets come in where the operator allows them, but none that hold nothing', async () => {
  const lenient = await openOtherReplica({ allowWeakSecrets: true })

  expect(await lenient.import(aPair('abcdef', '1234456789'))).toBe('abcdef')
  await expect(lenient.import({ ...aPair('b', '='), secretEncoding: 'base64' })).rejects.toThrow(Problem)
  await expect(lenient.import(aPair('c', ''))).rejects.toThrow(Problem)

  await lenient.db.close()
})

test('neither secret nor value is anywhere in the database, the answers or the log', async () => {
  const { id, secret } = aPair('hidden')
  const foreign = `foreign-${aSecret()}`
  await replica.import(aPair(id, secret))
  await replica.import({ kind: 'hash', valueSha256: sha256(foreign).toString('hex') })

  const answers = [await me({ 'x-api-key': `${id}:${secret}` }), await me({ 'x-api-key': foreign })]

  const { prisma } = replica.db
  const rows = [
    await prisma.apiKey.findMany(),
    await prisma.apiKeyValue.findMany(),
    await prisma.auditEvent.findMany(),
  ]
  const dump = JSON.stringify(rows, (_member, value) => (typeof value === 'bigint' ? String(value) : value))
  for (const text of [dump, ...answers.map(({ body }) => body), ...service.log]) {
    expect(text).not.toContain(secret)
    expect(text).not.toContain(foreign)
  }
})

test('whatever the id and the secret, what is stored is of them alone', async () => {
  const { context } = replica
  const lenient = { ...context, policy: { ...context.policy, allowWeakSecrets: true } }
  const idText = fc.stringMatching(/^[A-Za-z0-9.-]{0,12}$/).map((text) => `i${text}`)
  const secretText = fc.oneof(
    fc.stringMatching(/^[!-~]{1,20}$/),
    fc.constantFrom('lk_', 'lk_i_x', ':', 'a:b'),
  )
  await fc.assert(
    fc.asyncProperty(idText, secretText, idText, secretText, async (id, secret, otherId, otherSecret) => {
      const { stored } = await prepareImport(lenient, aPair(id, secret))

      expect(stored).toEqual({ hash: hashValue(valueOfPair(id, secret, 'lk')), sealedSecret: null })
      expect(stored.hash.equals(hashValue(valueOfPair(otherId, otherSecret, 'lk')))).toBe(
        id === otherId && secret === otherSecret,
      )
    }),
  )
})
