import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type RawAnswer, requestRaw } from '../support/raw-http.js'
import { type CreatedKey, startService, type TestService } from '../support/service.js'

let service: TestService
let alices: CreatedKey
let bobs: CreatedKey
let bobsToken: string
beforeAll(async () => {
  service = await startService()
  alices = await service.createKey('alice')
  bobs = await service.createKey('bob')
  bobsToken = await service.token({ person: 'bob' })
})
afterAll(() => service.close())

const me = (...headers: string[]) => requestRaw(service.config.port, ['GET /me HTTP/1.1', ...headers])

/** A value of our shape and with a good checksum would reach the store; this one is of no key. */
const wrongValue = () => alices.value.replace(/.$/, (last) => (last === '0' ? '1' : '0'))

function expectRefused(answer: RawAnswer) {
  expect(answer.status).toBe(401)
  expect(answer.json).toMatchObject({ code: 'invalid_credential', status: 401 })
  expect(answer.header('www-authenticate')).toEqual(['Bearer error="invalid_token"'])
  expect(answer.body).not.toMatch(/alice|bob|expired at|unknown key/)
}

describe('a key is taken', () => {
  test.each([
    ['as X-API-Key', (value: string) => `X-API-Key: ${value}`],
    ['as X-API-Key in small letters', (value: string) => `x-api-key: ${value}`],
    ['with white space around it', (value: string) => `X-API-Key: \t ${value}  `],
    ['as Authorization: Apikey', (value: string) => `Authorization: Apikey ${value}`],
    ['with the scheme in small letters', (value: string) => `Authorization: apikey ${value}`],
    ['with the scheme in capitals', (value: string) => `AUTHORIZATION: APIKEY ${value}`],
    ['with several spaces after the scheme', (value: string) => `Authorization: ApiKey   ${value}`],
    ['as Authorization: Bearer', (value: string) => `Authorization: Bearer ${value}`],
  ])('%s', async (_way, header) => {
    const answer = await me(header(alices.value))

    expect(answer.json).toMatchObject({ login: 'alice', via: 'api-key', key_id: alices.id })
  })
})

test('an OAuth2 token is taken in any case of the scheme', async () => {
  for (const scheme of ['Bearer', 'bearer', 'BEARER']) {
    const answer = await me(`Authorization: ${scheme} ${bobsToken}`)

    expect(answer.json).toMatchObject({ login: 'bob', via: 'oauth2' })
    expect(answer.json).not.toHaveProperty('key_id')
  }
})

test('X-API-Key decides where an Authorization comes along', async () => {
  for (const authorization of [`Bearer ${bobsToken}`, `Apikey ${bobs.value}`, `Bearer ${bobs.value}`]) {
    const answer = await me(`Authorization: ${authorization}`, `X-API-Key: ${alices.value}`)

    expect(answer.json).toMatchObject({ login: 'alice', key_id: alices.id })
  }
})

describe('a refused credential never falls through to a good one', () => {
  test.each([
    ['a wrong X-API-Key', () => `X-API-Key: ${wrongValue()}`],
    ['an X-API-Key of another shape', () => 'X-API-Key: something-else'],
    ['an empty X-API-Key', () => 'X-API-Key:'],
    ['an OAuth2 token as X-API-Key', () => `X-API-Key: ${bobsToken}`],
  ])('%s', async (_fault, header) => {
    expectRefused(await me(header(), `Authorization: Bearer ${bobsToken}`))
    expectRefused(await me(`Authorization: Apikey ${alices.value}`, header()))
  })
})

describe('a value is refused', () => {
  test.each([
    ['with one character changed', () => wrongValue()],
    ['cut short', () => alices.value.slice(0, -1)],
    ['with something after it', () => `${alices.value}0`],
    ['with something after a space', () => `${alices.value} 0`],
    ['in another case', () => alices.value.toUpperCase()],
    ['percent-encoded', () => alices.value.replaceAll('_', '%5F')],
    ["with another key's id", () => alices.value.replace(alices.id, bobs.id)],
    ['that is only the id', () => alices.id],
    ['that is only the prefix', () => 'lk_'],
    ['in quotes', () => `"${alices.value}"`],
  ])('%s', async (_fault, value) => {
    for (const way of ['X-API-Key:', 'Authorization: Apikey', 'Authorization: Bearer']) {
      expectRefused(await me(`${way} ${value()}`))
    }
  })
})

test('an OAuth2 token with the scheme of keys is refused', async () => {
  expectRefused(await me(`Authorization: Apikey ${bobsToken}`))
})

describe('400 answers a request that', () => {
  const good = () => `X-API-Key: ${alices.value}`
  test.each([
    ['repeats X-API-Key', () => [good(), good()]],
    ['repeats X-API-Key in another case', () => [good(), good().replace('X-API-Key', 'x-api-KEY')]],
    ['repeats X-API-Key, once empty', () => ['X-API-Key:', good()]],
    [
      'repeats Authorization',
      () => [`Authorization: Bearer ${bobsToken}`, `authorization: Bearer ${bobsToken}`],
    ],
    [
      'repeats Authorization, once of a scheme that is none',
      () => ['Authorization: Digest x', `Authorization: Bearer ${bobsToken}`],
    ],
    [
      'repeats Authorization beside a good X-API-Key',
      () => [good(), 'Authorization: Bearer a', 'Authorization: Bearer b'],
    ],
    ['sends Authorization without a scheme', () => [`Authorization: ${bobs.value}`]],
    ['sends a scheme alone', () => ['Authorization: Bearer']],
    ['sends an empty Authorization', () => ['Authorization:']],
    [
      'sends Authorization without a scheme beside a good X-API-Key',
      () => [good(), `Authorization: ${bobsToken}`],
    ],
  ])('%s', async (_fault, headers) => {
    const answer = await me(...headers())

    expect(answer.status).toBe(400)
    expect(answer.json.code).toBe('invalid_request')
    expect(answer.body).not.toContain(alices.value)
    expect(answer.body).not.toContain(bobsToken)
    expect(answer.json).not.toHaveProperty('login')
  })
})

describe('no credential at all is', () => {
  test.each([
    ['a request without any', []],
    ['a scheme that this service does not know', ['Authorization: Digest username="alice"']],
    ['Negotiate of a proxy', ['Authorization: Negotiate YIIB']],
    ['a header of a similar name', ['X_API_KEY: lk_x', 'Api-Key: lk_x', 'X-Api-Keys: lk_x']],
    ['a cookie', ['Cookie: access_token=eyJhbGciOiJIUzI1NiJ9.e30.x; api_key=lk_x']],
    ['Proxy-Authorization', ['Proxy-Authorization: Bearer x']],
  ])('%s', async (_kind, headers) => {
    const answer = await me(...headers)

    expect(answer.status).toBe(401)
    expect(answer.json).toMatchObject({ code: 'not_authenticated', detail: 'Not authenticated' })
    const challenges = answer.header('www-authenticate')
    expect(challenges.map((challenge) => challenge.split(' ')[0])).toEqual(['Bearer', 'Apikey', 'Basic'])
    expect(challenges.join()).not.toContain('error')
  })
})

test('an operation for logins alone does not ask for a key', async () => {
  const answer = await requestRaw(service.config.port, ['GET /api-keys HTTP/1.1'])

  expect(answer.status).toBe(401)
  expect(answer.header('www-authenticate')).toEqual(['Bearer realm="latchkey"'])
})
