import { SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { guardedApp } from '../support/guarded-app.js'
import { startService, type TestService } from '../support/service.js'

const origin = 'https://gateway.example.org'
const methods = ['GET', 'HEAD', 'OPTIONS', 'POST', 'DELETE']

let service: TestService
let other: Awaited<ReturnType<typeof guardedApp>>
let token: string
let key: { id: string; value: string }
beforeAll(async () => {
  service = await startService({ KEY_ENCRYPTION_SECRET: 'the encryption secret of this test' })
  key = await service.createKey('alice', { jwt: true })
  token = await new SignJWT({ iss: key.id })
    .setProtectedHeader({ alg: 'HS256' })
    .sign(new TextEncoder().encode(key.value.slice(-49)))
  const probes = [
    { url: '/open', method: methods, access: { allowCookie: true } },
    { url: '/closed', method: methods, access: {} },
  ]
  other = await guardedApp(service, probes, { publicOrigin: origin })
})
afterAll(async () => {
  await other.close()
  await service.close()
})

type Headers = Record<string, string | undefined>
const use = (method: string, headers: Headers, url = '/open') =>
  other.inject({
    method: method as 'GET',
    url,
    headers: Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== undefined)) as Record<
      string,
      string
    >,
  })
const withToken = (more: Headers = {}): Headers => ({ cookie: `theme=dark; access_token=${token}`, ...more })
const fromHere = { origin, 'sec-fetch-site': 'same-origin' }

describe('a JWT that a key signed, in the cookie access_token,', () => {
  test('reads, wherever the request comes from', async () => {
    for (const more of [{}, fromHere, { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }]) {
      const answer = await use('GET', withToken(more))

      expect(answer.json().principal).toMatchObject({ login: 'alice', via: 'key-jwt', keyId: key.id })
      expect((await use('HEAD', withToken(more))).statusCode).toBe(200)
    }
  })

  test('changes something, and opens a WebSocket, from a page of this site', async () => {
    for (const method of ['POST', 'DELETE', 'OPTIONS'])
      expect((await use(method, withToken(fromHere))).statusCode).toBe(200)
    expect((await use('GET', withToken({ ...fromHere, upgrade: 'websocket' }))).statusCode).toBe(200)
  })

  test.each<[string, Headers]>([
    ['that does not say where it comes from', {}],
    ['of another site', { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }],
    ['of another host of this site', { 'sec-fetch-site': 'same-site' }],
    ['of an opaque origin', { origin: 'null' }],
    ['of another port', { origin: `${origin}:8443` }],
    ['whose words differ', { origin, 'sec-fetch-site': 'cross-site' }],
  ])('does neither for a request %s', async (_place, more) => {
    for (const [method, upgrade] of [
      ['POST', undefined],
      ['DELETE', undefined],
      ['OPTIONS', undefined],
      ['GET', 'websocket'],
    ] as const) {
      const answer = await use(method, withToken({ ...more, upgrade }))

      expect([answer.statusCode, answer.json().code]).toEqual([403, 'cross_site_request'])
      expect(answer.body).not.toContain(token)
    }
  })

  test('is not read where the route does not say so', async () => {
    const answer = await use('GET', withToken(), '/closed')

    expect([answer.statusCode, answer.json().code]).toEqual([401, 'not_authenticated'])
  })

  test.each<[string, () => Promise<string> | string]>([
    ['an OAuth2 token', () => service.token()],
    ["a key's value", () => key.value],
    ['a JWT with another signature', () => `${token.slice(0, -4)}AAAA`],
    ['nothing', () => ''],
  ])('is refused when it is %s', async (_kind, make) => {
    const answer = await use('GET', { cookie: `access_token=${await make()}` })

    expect([answer.statusCode, answer.json().code]).toEqual([401, 'invalid_credential'])
  })

  test('decides nothing beside a header, good or bad', async () => {
    const good = await use('POST', withToken({ 'x-api-key': key.value }))
    const bad = await use('POST', withToken({ ...fromHere, 'x-api-key': 'wrong' }))

    expect(good.json().principal).toMatchObject({ via: 'api-key' })
    expect([bad.statusCode, bad.json().code]).toEqual([401, 'invalid_credential'])
  })

  test('is a malformed request when it comes twice', async () => {
    const answer = await use('GET', { cookie: `access_token=${token}; access_token=${token}` })

    expect([answer.statusCode, answer.json().code]).toEqual([400, 'invalid_request'])
    expect(answer.body).not.toContain(token)
  })
})

describe('the challenge of a request without a credential', () => {
  test('names every scheme, and Basic not to browsers, which would ask for a password', async () => {
    const plain = await use('GET', {})
    const ofBrowser = await use('GET', { 'sec-fetch-mode': 'navigate' })

    const schemes = (answer: typeof plain) =>
      [answer.headers['www-authenticate']].flat().map((text) => String(text).split(' ')[0])
    expect(schemes(plain)).toEqual(['Bearer', 'Apikey', 'Basic'])
    expect(schemes(ofBrowser)).toEqual(['Bearer', 'Apikey'])
  })
})
