import { createHmac, randomBytes } from 'node:crypto'
import { SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { encryptionSecret, type OtherReplica, openOtherReplica } from '../support/other-replica.js'
import { type CreatedKey, startService, type TestService } from '../support/service.js'
import { expectInvalid, expectProblem, requestsTo } from './requests.js'

let service: TestService
let replica: OtherReplica
const ask = requestsTo(() => service)
beforeAll(async () => {
  replica = await openOtherReplica({ allowWeakSecrets: true, clock: () => service.clock.now() })
  service = await startService(
    { KEY_ENCRYPTION_SECRET: encryptionSecret, MAX_KEYS_PER_USER: '1000' },
    { db: replica.db },
  )
  service.clock.freeze('2026-11-21T12:00:00.000Z')
})
afterAll(() => service.close())

const aSigningKey = () => service.createKey('alice', { jwt: true })
const secretOf = ({ value }: { value: string }) => value.slice(-49)
const seconds = (more = 0) => Math.floor(service.clock.now() / 1000) + more

interface Wishes {
  alg?: string
  claims?: Record<string, unknown>
  secret?: string
}

/** As an ordinary JWT library signs it. */
const sign = (key: CreatedKey, { alg = 'HS256', claims = {}, secret = secretOf(key) }: Wishes = {}) =>
  new SignJWT({ iss: key.id, ...claims }).setProtectedHeader({ alg }).sign(new TextEncoder().encode(secret))

const me = (headers: Record<string, string>) => service.inject({ url: '/me', headers })
const present = (token: string) => me({ authorization: `Bearer ${token}` })
const statusOf = async (token: string) => (await present(token)).status

const ways: [string, (token: string) => Record<string, string>][] = [
  ['Authorization: Bearer', (token) => ({ authorization: `Bearer ${token}` })],
  ['a header of our own', (token) => ({ 'otoroshi-authorization': `Bearer ${token}` })],
  ['another header of our own', (token) => ({ 'otoroshi-token': token })],
  ['the same with its word', (token) => ({ 'otoroshi-token': `Bearer ${token}` })],
]

describe('a JWT that a key signed', () => {
  test.each(ways)('is accepted as %s, and tells the owner of the key', async (_way, header) => {
    const key = await aSigningKey()

    for (const alg of ['HS256', 'HS384', 'HS512']) {
      const answer = await me(header(await sign(key, { alg })))
      expect(answer.json).toMatchObject({ login: 'alice', via: 'key-jwt', key_id: key.id })
    }
  })

  test('holds to its times, with five seconds for clocks that differ', async () => {
    const key = await aSigningKey()
    const statuses = (claims: object[]) =>
      Promise.all(claims.map(async (more) => statusOf(await sign(key, { claims: { ...more } }))))

    expect(await statuses([{ exp: seconds(1) }, { exp: seconds(-4) }, { nbf: seconds(5) }])).toEqual([
      200, 200, 200,
    ])
    expect(await statuses([{ exp: seconds(-5) }, { nbf: seconds(6) }, { exp: seconds(-9999) }])).toEqual([
      401, 401, 401,
    ])
    expect(await statuses([{ exp: 'never' }, { nbf: 'ever' }, { exp: null }, { exp: {} }])).toEqual([
      401, 401, 401, 401,
    ])
  })

  test('that was accepted is refused once it ends', async () => {
    const token = await sign(await aSigningKey(), { claims: { exp: seconds(20) } })
    expect(await statusOf(token)).toBe(200)

    service.clock.advance(24_999)
    expect(await statusOf(token)).toBe(200)
    service.clock.advance(1)

    expect(await statusOf(token)).toBe(401)
  })

  test('says nothing of rights: they are those of the key', async () => {
    const key = await service.createKey('alice', { jwt: true, scopes: ['rspy-user'] })
    const claims = {
      sub: 'bob',
      realm_access: { roles: ['latchkey-admin'] },
      scope: 'admin',
      scopes: ['admin'],
    }

    const answer = await present(await sign(key, { claims }))

    expect(answer.json).toMatchObject({ login: 'alice', scopes: ['rspy-user'] })
    expect(answer.body).not.toContain('latchkey-admin')
  })

  test('counts as a use of the key, and opens no more than the key does', async () => {
    const key = await service.createKey('alice', { jwt: true, allowed_ips: ['192.0.2.1'] })
    const headers = { authorization: `Bearer ${await sign(key)}` }
    const from = (remoteAddress: string) => service.inject({ url: '/me', headers, remoteAddress })

    expect((await from('192.0.2.1')).status).toBe(200)
    expectProblem(await from('192.0.2.2'), 403, 'address_not_allowed')
    expectProblem(
      await service.inject({ url: '/api-keys', headers, remoteAddress: '192.0.2.1' }),
      403,
      'login_required',
    )
  })
})

describe('the example that the documentation of Otoroshi prints', () => {
  const input =
    'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJhYmNkZWYiLCJuYW1lIjoiSm9obiBEb2UiLCJhZG1pbiI6dHJ1ZX0'
  const byDecodedBytes = `${input}._eancnYCD3makSSox2v2xErjNYkRtcX558QiJGCbino`
  const byUtf8 = `${input}.J1nXX2G5ZjAvPFa7yBok18KZooEV71RUE_MrIjhj7_A`
  const secret = '1234456789'

  test('is accepted by the encoding that the key was imported with, and by no other', async () => {
    await replica.import({ kind: 'pair', id: 'abcdef', secret, secretEncoding: 'base64', jwt: true })
    expect((await present(byDecodedBytes)).json).toMatchObject({ key_id: 'abcdef', via: 'key-jwt' })
    expect(await statusOf(byUtf8)).toBe(401)
    const pair = { 'otoroshi-client-id': 'abcdef', 'otoroshi-client-secret': secret }
    expect((await me(pair)).json).toMatchObject({ key_id: 'abcdef', via: 'api-key' })
    await replica.setSecret('abcdef', { secret, secretEncoding: 'utf8', graceSeconds: 0 })

    expect((await present(byUtf8)).json).toMatchObject({ key_id: 'abcdef' })
    expect(await statusOf(byDecodedBytes)).toBe(401)
  })
})

describe('a JWT is refused', () => {
  const base64url = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const signAs = (header: object, claims: object, hash: string, secret: string) => {
    const input = `${base64url(header)}.${base64url(claims)}`
    return `${input}.${createHmac(hash, secret).update(input).digest('base64url')}`
  }

  const signText = (claims: string, secret: string) => {
    const input = `${base64url({ alg: 'HS256', typ: 'JWT' })}.${Buffer.from(claims).toString('base64url')}`
    return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`
  }

  test.each<[string, (key: CreatedKey) => string | Promise<string>]>([
    ['that another key signed', async (key) => sign(key, { secret: secretOf(await aSigningKey()) })],
    ['that the whole value signed', (key) => sign(key, { secret: key.value })],
    ['that the id signed', (key) => sign(key, { secret: key.id })],
    ['that nothing signed', (key) => `${base64url({ alg: 'none' })}.${base64url({ iss: key.id })}.`],
    ['without its signature', async (key) => (await sign(key)).replace(/[^.]+$/, '')],
    ['with a signature cut short', async (key) => (await sign(key)).slice(0, -1)],
    ['with more after it', async (key) => `${await sign(key)}.x`],
    [
      'with other claims',
      async (key) => (await sign(key)).replace(/\.[^.]+\./, `.${base64url({ iss: key.id, a: 1 })}.`),
    ],
    [
      'whose signature is of another algorithm than it says',
      (key) => signAs({ alg: 'HS384' }, { iss: key.id }, 'sha256', secretOf(key)),
    ],
    ...['logout+jwt', 'id_token+jwt', 'dpop+jwt', 7, null, ['JWT']].map(
      (typ): [string, (key: CreatedKey) => string] => [
        `of the type ${JSON.stringify(typ)}`,
        (key) => signAs({ alg: 'HS256', typ }, { iss: key.id }, 'sha256', secretOf(key)),
      ],
    ),
    [
      'that holds another JWT',
      (key) => signAs({ alg: 'HS256', cty: 'JWT' }, { iss: key.id }, 'sha256', secretOf(key)),
    ],
    ...['exp', 'nbf', 'iat'].flatMap((claim) =>
      ['1e999', '-1e999', '"1"', 'null'].map((text): [string, (key: CreatedKey) => string] => [
        `whose ${claim} is ${text}`,
        (key) => signText(`{"iss":"${key.id}","${claim}":${text}}`, secretOf(key)),
      ]),
    ),
    [
      'of an algorithm in small letters',
      (key) => signAs({ alg: 'hs256' }, { iss: key.id }, 'sha256', secretOf(key)),
    ],
    [
      'whose algorithm is a list',
      (key) => signAs({ alg: ['HS256'] }, { iss: key.id }, 'sha256', secretOf(key)),
    ],
    [
      'with an extension that it calls critical',
      (key) => signAs({ alg: 'HS256', crit: ['b64'], b64: false }, { iss: key.id }, 'sha256', secretOf(key)),
    ],
    ['that names no key', (key) => sign(key, { claims: { iss: undefined } })],
    ['that names an unknown key', (key) => sign(key, { claims: { iss: 'nobody' } })],
    ['that names several', (key) => sign(key, { claims: { iss: [key.id] } })],
    ['that names a path', (key) => sign(key, { claims: { iss: `../${key.id}` } })],
    ['that names the issuer', (key) => sign(key, { claims: { iss: `${service.url}/dev-idp` } })],
    ['of a key that signs none', async () => sign(await service.createKey('alice'))],
  ])('%s', async (_fault, make) => {
    const key = await aSigningKey()
    const token = await make(key)

    for (const [, header] of ways) {
      const answer = await me(header(token))
      expectProblem(answer, 401, 'invalid_credential')
      expect(answer.body).not.toContain('alice')
    }
    expect(await statusOf(await sign(key))).toBe(200)
  })

  test('as a value, whoever signed it', async () => {
    const token = await sign(await aSigningKey())

    for (const headers of [{ 'x-api-key': token }, { authorization: `Apikey ${token}` }]) {
      expectProblem(await me(headers), 401, 'invalid_credential')
    }
  })

  test('where an OAuth2 token is, in headers that are for keys alone', async () => {
    const token = await service.token()

    expect(await statusOf(token)).toBe(200)
    for (const [, header] of ways.slice(1)) expectProblem(await me(header(token)), 401, 'invalid_credential')
  })

  test.each<[string, (id: string) => Promise<unknown>]>([
    ['revoked', (id) => ask.as('alice', 'POST', `/api-keys/${id}/revoke`, {})],
    ['disabled', (id) => ask.as('alice', 'PATCH', `/api-keys/${id}`, { enabled: false })],
    ['deleted', (id) => ask.as('alice', 'DELETE', `/api-keys/${id}`)],
    [
      'renewed only until a moment that has passed',
      async (id) => {
        await ask.as('alice', 'POST', `/api-keys/${id}/renew`, {
          expires_at: new Date(service.clock.now() + 1000),
        })
        service.clock.advance(1000)
      },
    ],
  ])('at once when its key is %s', async (_end, end) => {
    const key = await aSigningKey()
    const token = await sign(key)
    expect(await statusOf(token)).toBe(200)

    await end(key.id)

    expectProblem(await present(token), 401, 'invalid_credential')
    expectProblem(await present(await sign(key, { claims: { jti: 'another' } })), 401, 'invalid_credential')
  })
})

test('a new JWT for each call asks the store nothing while its key is known', async () => {
  const key = await aSigningKey()
  expect(await statusOf(await sign(key))).toBe(200)
  const { query } = replica.db
  const asked: string[] = []
  replica.db.query = (prepared) => {
    asked.push(prepared.name)
    return query(prepared)
  }

  for (let jti = 0; jti < 10; jti += 1) expect(await statusOf(await sign(key, { claims: { jti } }))).toBe(200)

  replica.db.query = query
  expect(asked.filter((name) => name.startsWith('find-'))).toEqual([])
})

test('after a rotation the old secret signs for its grace, and the new one from now on', async () => {
  const key = await aSigningKey()
  const oldToken = await sign(key)
  expect(await statusOf(oldToken)).toBe(200)

  const rotated = await ask.as('alice', 'POST', `/api-keys/${key.id}/rotate`, { grace_seconds: 60 })

  const newToken = await sign(key, { secret: secretOf(rotated.json) })
  expect([await statusOf(oldToken), await statusOf(newToken)]).toEqual([200, 200])
  expect(await statusOf(await sign(key, { claims: { jti: 'later' } }))).toBe(200)
  service.clock.advance(59_999)
  expect(await statusOf(oldToken)).toBe(200)
  service.clock.advance(1)
  expect([await statusOf(oldToken), await statusOf(newToken)]).toEqual([401, 200])
})

test('after a rotation without grace the old secret signs nothing', async () => {
  const key = await aSigningKey()
  const token = await sign(key)
  expect(await statusOf(token)).toBe(200)

  const rotated = await ask.as('alice', 'POST', `/api-keys/${key.id}/rotate`, {})

  expect(await statusOf(token)).toBe(401)
  expect(await statusOf(await sign(key, { secret: secretOf(rotated.json) }))).toBe(200)
})

test('its secret is nowhere in the database, the answers and the log, and opens for its key alone', async () => {
  const key = await aSigningKey()
  const other = await aSigningKey()
  const answers = [await present(await sign(key)), await ask.as('alice', 'GET', `/api-keys/${key.id}`)]

  const { prisma } = replica.db
  const values = await prisma.apiKeyValue.findMany()
  const dump = JSON.stringify(
    [values, await prisma.apiKey.findMany(), await prisma.auditEvent.findMany()],
    (_name, value) => (typeof value === 'bigint' ? String(value) : value),
  )
  for (const text of [dump, ...answers.map(({ body }) => body), ...service.log]) {
    expect(text).not.toContain(secretOf(key))
    expect(text).not.toContain(Buffer.from(secretOf(key)).toString('base64url'))
  }
  const sealed = values.find(({ keyId }) => keyId === key.id)?.sealedSecret
  await prisma.apiKeyValue.updateMany({ where: { keyId: other.id }, data: { sealedSecret: sealed ?? null } })
  replica.tell({ key: other.id })
  expectProblem(await present(await sign(other, { secret: secretOf(key) })), 503, 'unavailable')
})

test('a key that signs none keeps no secret', async () => {
  const { id } = await service.createKey('alice')

  const [value] = await replica.db.prisma.apiKeyValue.findMany({ where: { keyId: id } })

  expect(value?.sealedSecret).toBeNull()
})

describe('an encryption secret', () => {
  const another = randomBytes(32).toString('hex')
  const startWith = (env: Record<string, string>) =>
    startService(env, { db: { ...replica.db, close: async () => {} } })

  test('that is missing makes no such keys, and says so', async () => {
    const without = await startWith({})
    const payload = { name: 'x', jwt: true }

    const answer = await without.inject({
      method: 'POST',
      url: '/api-keys',
      headers: await without.as('bob'),
      payload,
    })

    expectInvalid(answer, 'jwt')
    expect(answer.body).toContain('KEY_ENCRYPTION_SECRET')
    await without.close()
  })

  test('that was changed opens what the one before sealed, while that is configured', async () => {
    const token = await sign(await aSigningKey())
    const both = await startWith({
      KEY_ENCRYPTION_SECRET: another,
      KEY_ENCRYPTION_SECRET_PREVIOUS: encryptionSecret,
    })
    const newOnly = await startWith({ KEY_ENCRYPTION_SECRET: another })

    const headers = { authorization: `Bearer ${token}` }
    expect((await both.inject({ url: '/me', headers })).status).toBe(200)
    expectProblem(await newOnly.inject({ url: '/me', headers }), 503, 'unavailable')

    await both.close()
    await newOnly.close()
  })
})

test('refused ones count for their address, and those in use go on', async () => {
  const strict = await startService(
    { KEY_ENCRYPTION_SECRET: encryptionSecret, REFUSED_RATE_PER_MINUTE: '3' },
    { db: { ...replica.db, close: async () => {} } },
  )
  const key = await aSigningKey()
  const use = async (token: string) =>
    (await strict.inject({ url: '/me', headers: { authorization: `Bearer ${token}` } })).status
  const good = await sign(key)
  expect(await use(good)).toBe(200)

  const wrong = await Promise.all(
    [1, 2, 3].map((jti) => sign(key, { claims: { jti }, secret: 'guess'.repeat(8) })),
  )
  for (const token of wrong) expect(await use(token)).toBe(401)

  expect(await use(wrong[0] as string)).toBe(429)
  expect(await use(await sign(key, { claims: { jti: 'new' } }))).toBe(429)
  expect(await use(good)).toBe(200)
  await strict.close()
})
