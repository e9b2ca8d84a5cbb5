import { SignJWT } from 'jose'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { asAdministrator } from '../services/administrator.js'
import { type CreatedKey, startService, type TestService } from '../support/service.js'
import { changeService, setServices } from '../support/services.js'
import { startUpstream, type Upstream } from '../support/upstream.js'

let upstream: Upstream
let service: TestService
let key: CreatedKey
let signer: CreatedKey

beforeAll(async () => {
  upstream = await startUpstream()
  service = await startService({ KEY_ENCRYPTION_SECRET: 'e'.repeat(32) }, { hasGateway: true })
  await setServices(service, { id: 'echo', target: upstream.url })
  key = await service.createKey('alice')
  signer = await service.createKey('alice', { jwt: true })
})
beforeEach(() => {
  upstream.seen.length = 0
})
afterAll(async () => {
  await service.close()
  await upstream.close()
})

const call = (headers: Record<string, string>, init: RequestInit = {}, path = '/echo/x') =>
  fetch(service.gatewayUrl + path, { ...init, headers })
const secretOf = ({ value }: CreatedKey) => value.split('_')[2] ?? ''
const pairOf = (one: CreatedKey) => Buffer.from(`${one.id}:${secretOf(one)}`).toString('base64')
const aJwt = (exp: number | undefined = inSeconds(60)) =>
  new SignJWT({ iss: signer.id, exp })
    .setProtectedHeader({ alg: 'HS256' })
    .sign(new TextEncoder().encode(secretOf(signer)))
const inSeconds = (seconds: number) => Math.floor(service.clock.now() / 1000) + seconds

describe('at the gateway a key is taken', () => {
  test.each<[string, () => Record<string, string> | Promise<Record<string, string>>]>([
    [
      'as a pair of headers',
      () => ({ 'otoroshi-client-id': key.id, 'otoroshi-client-secret': secretOf(key) }),
    ],
    ['as a pair in the header of its own', () => ({ 'otoroshi-authorization': `Basic ${pairOf(key)}` })],
    ['as a pair without the word Basic', () => ({ 'otoroshi-authorization': pairOf(key) })],
    ['as a pair by Basic', () => ({ authorization: `Basic ${pairOf(key)}` })],
    ['by Apikey', () => ({ authorization: `Apikey ${key.value}` })],
    ['by Bearer', () => ({ authorization: `Bearer ${key.value}` })],
    ['as a JWT in the header of its own', async () => ({ 'otoroshi-token': `Bearer ${await aJwt()}` })],
    ['as a JWT without the word Bearer', async () => ({ 'otoroshi-token': await aJwt() })],
  ])('%s, and the service sees nothing of it', async (_form, headers) => {
    const answer = await call(await headers())

    expect(answer.status).toBe(200)
    const [seen] = upstream.seen
    expect(JSON.stringify(seen)).not.toContain(secretOf(key))
    expect(
      Object.keys(seen?.headers ?? {}).filter((name) => /^(otoroshi-|authorization)/.test(name)),
    ).toEqual([])
    expect(seen?.headers).toMatchObject({ 'latchkey-login': 'alice' })
  })

  test('as a JWT by Bearer, which the service sees', async () => {
    const jwt = await aJwt()

    const answer = await call({ authorization: `Bearer ${jwt}` })

    expect(answer.status).toBe(200)
    expect(upstream.seen).toMatchObject([
      { headers: { authorization: `Bearer ${jwt}`, 'latchkey-via': 'key-jwt' } },
    ])
  })

  test('as a JWT in a cookie, also for a change by a page of the gateway', async () => {
    const cookie = `access_token=${await aJwt()}`

    const reading = await call({ cookie })
    const writing = await call({ cookie, origin: service.gatewayUrl }, { method: 'POST' })

    expect([reading.status, writing.status]).toEqual([200, 200])
  })
})

describe('a JWT that serves for long', () => {
  const forms: [string, (token: string) => Record<string, string>][] = [
    ['Authorization', (token) => ({ authorization: `Bearer ${token}` })],
    ['a cookie', (token) => ({ cookie: `a=1; access_token=${token}; b=2` })],
    ['a header of its own', (token) => ({ 'otoroshi-token': token })],
  ]
  const kinds: [string, () => Promise<string>][] = [
    [
      'without an end',
      () => new SignJWT({ iss: signer.id }).setProtectedHeader({ alg: 'HS256' }).sign(secret()),
    ],
    ['that ends in a day', () => aJwt(inSeconds(86_400))],
    ['that ends in an hour and a second', () => aJwt(inSeconds(3602))],
    ['that ends in the farthest future', () => aJwt(Number.MAX_VALUE)],
  ]
  const secret = () => new TextEncoder().encode(secretOf(signer))

  test.each(
    forms.flatMap(([form, headers]) => kinds.map(([kind, make]) => [form, kind, headers, make] as const)),
  )('in %s, %s, opens the service and never reaches it', async (_form, _kind, headers, make) => {
    const token = await make()

    for (const all of [false, true]) {
      await changeService(service, 'echo', { forward_authorization: all ? 'all' : 'tokens' })
      expect((await call(headers(token))).status).toBe(200)
      // The second time it is remembered.
      expect((await call(headers(token))).status).toBe(200)
    }
    await changeService(service, 'echo', { forward_authorization: 'tokens' })

    expect(upstream.seen).toHaveLength(4)
    for (const seen of upstream.seen) {
      expect(seen.headers).toMatchObject({ 'latchkey-login': 'alice', 'latchkey-via': 'key-jwt' })
      expect(JSON.stringify(seen)).not.toContain(token)
      expect(seen.headers.authorization).toBeUndefined()
      expect(seen.headers.cookie).toBe('cookie' in headers(token) ? 'a=1; b=2' : undefined)
    }
  })

  test('is forwarded once its end is no more than an hour away', async () => {
    service.clock.freeze('2026-11-21T12:00:00.000Z')
    try {
      const [authorization, cookie] = [
        `Bearer ${await aJwt(inSeconds(3601))}`,
        `access_token=${await aJwt(inSeconds(3600))}`,
      ]
      await call({ authorization })
      await call({ cookie })
      service.clock.advance(1000)
      await call({ authorization })

      expect(upstream.seen.map(({ headers }) => headers.authorization ?? headers.cookie)).toEqual([
        undefined,
        cookie,
        authorization,
      ])
    } finally {
      service.clock.freeze(new Date().toISOString())
    }
  })
})

describe('at the gateway is refused', () => {
  test.each([
    ['a change by a cookie that no page of the gateway made', {}],
    ['a change by a cookie from the page of another site', { origin: 'https://evil.example' }],
    ['a change by a cookie from a page of Latchkey itself', 'own'],
  ])('%s', async (_case, headers) => {
    const from = headers === 'own' ? { origin: service.url } : (headers as Record<string, string>)

    const answer = await call({ cookie: `access_token=${await aJwt()}`, ...from }, { method: 'POST' })

    expect(answer.status).toBe(403)
    expect(await answer.json()).toMatchObject({ code: 'cross_site_request' })
    expect(upstream.seen).toEqual([])
  })

  test('a form that the service does not take', async () => {
    await changeService(service, 'echo', { accept: { cookie: false, basic: false } })
    try {
      const answers = await Promise.all([
        call({ cookie: `access_token=${await aJwt()}` }),
        call({ authorization: `Basic ${pairOf(key)}` }),
        call({}, {}, `/echo/x?api_key=${key.value}`),
      ])

      expect(answers.map(({ status }) => status)).toEqual([401, 401, 401])
      expect(upstream.seen).toEqual([])
    } finally {
      await changeService(service, 'echo', { accept: { cookie: true, basic: true } })
    }
  })

  test('a change by a read-only key, however it names the method', async () => {
    const reader = await service.createKey('alice', { read_only: true })
    const headers = { 'x-api-key': reader.value }

    const post = await call({ ...headers, 'x-http-method-override': 'GET' }, { method: 'POST' })
    const get = await call({ ...headers, 'x-http-method-override': 'DELETE', x_http_method: 'DELETE' })

    expect(post.status).toBe(403)
    expect(await post.json()).toMatchObject({ code: 'read_only_key' })
    expect(get.status).toBe(200)
    expect(upstream.seen).toHaveLength(1)
    expect(JSON.stringify(upstream.seen)).not.toContain('DELETE')
  })

  test('a server key where it was not authorised, until it is', async () => {
    const headers = await asAdministrator(service)
    const { json: robot } = await service.inject({
      ...{ method: 'POST', url: '/admin/api-keys', headers },
      payload: { name: 'robot' },
    })

    const before = await call({ 'x-api-key': robot.value })
    await service.inject({
      ...{ method: 'PATCH', url: `/admin/api-keys/${robot.id}`, headers },
      payload: { groups: ['test'] },
    })
    const after = await call({ 'x-api-key': robot.value })

    expect(before.status).toBe(403)
    expect(await before.json()).toMatchObject({ code: 'not_authorized_here' })
    expect(after.status).toBe(200)
    expect(upstream.seen).toMatchObject([{ headers: { 'latchkey-kind': 'server' } }])
  })
})

test('a limited key is told what remains, and then when to come again', async () => {
  const limited = await service.createKey('alice')
  await service.inject({
    ...{ method: 'PATCH', url: `/admin/api-keys/${limited.id}`, headers: await asAdministrator(service) },
    payload: { limits: { per_day: 3, per_month: 10 } },
  })

  const answers: Response[] = []
  for (let count = 0; count < 4; count++) answers.push(await call({ 'x-api-key': limited.value }))

  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 429])
  const told = (name: string) => answers.map(({ headers }) => headers.get(name))
  expect(told('otoroshi-daily-calls-remaining')).toEqual(['2', '1', '0', '0'])
  expect(told('otoroshi-monthly-calls-remaining')).toEqual(['9', '8', '7', '7'])
  expect(Number(answers[3]?.headers.get('retry-after'))).toBeGreaterThan(0)
  expect(upstream.seen).toHaveLength(3)
})
