import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { guardedApp } from '../support/guarded-app.js'
import { requestRaw } from '../support/raw-http.js'
import { type CreatedKey, startService, type TestService } from '../support/service.js'

let service: TestService
let other: FastifyInstance
let key: CreatedKey
beforeAll(async () => {
  service = await startService()
  key = await service.createKey('alice')
  other = await guardedApp(service, [
    { url: '/open', access: { allowQueryKey: true } },
    { url: '/closed', access: {} },
  ])
})
afterAll(async () => {
  await other.close()
  await service.close()
})

const get = (url: string, ...headers: string[]) =>
  requestRaw(service.config.port, [`GET ${url} HTTP/1.1`, ...headers])

describe('where the route takes it, a key in the URL', () => {
  test.each(['api_key', 'api-key', 'api%5Fkey', 'api%2dkey'])(
    'opens as ?%s=, and the answer keeps the URL from other sites',
    async (member) => {
      const answer = await get(`/catalog/collections?${member}=${key.value}`)

      expect(answer.status).toBe(200)
      expect(answer.header('referrer-policy')).toEqual(['no-referrer'])
      expect(answer.body).not.toContain(key.value)
    },
  )

  test('is refused when it is wrong or empty', async () => {
    for (const value of ['', 'x', key.value.slice(1), `${key.value}0`]) {
      const answer = await get(`/catalog/collections?api_key=${value}`)

      expect(answer.json?.code).toBe('invalid_credential')
      expect(answer.header('referrer-policy')).toEqual(['no-referrer'])
    }
  })

  test('does not save a refused header, nor does a wrong one spoil a good header', async () => {
    const refused = await get(`/catalog/collections?api_key=${key.value}`, 'X-API-Key: wrong')
    const good = await get('/catalog/collections?api_key=wrong', `X-API-Key: ${key.value}`)

    expect(refused.json.code).toBe('invalid_credential')
    expect(good.status).toBe(200)
    expect(good.header('referrer-policy')).toEqual(['no-referrer'])
  })

  test.each([
    (value: string) => `api_key=${value}&api_key=${value}`,
    (value: string) => `api_key=${value}&api-key=${value}`,
    (value: string) => `api_key=${value}&api_key=`,
    (value: string) => `api%5Fkey=${value}&api_key=${value}`,
  ])('is malformed when it is given twice (%#)', async (query) => {
    for (const headers of [[], [`X-API-Key: ${key.value}`]]) {
      const answer = await get(`/catalog/collections?${query(key.value)}`, ...headers)

      expect(answer.status).toBe(400)
      expect(answer.json.code).toBe('invalid_request')
      expect(answer.header('referrer-policy')).toEqual(['no-referrer'])
      expect(answer.body).not.toContain(key.value)
    }
  })

  test.each([
    (value: string) => `/open?api_key=${value}`,
    (value: string) => `/open?a=1&api-key=${value}&b=%20x`,
    (value: string) => `/open?api%5Fkey=${value}&a=1`,
    (value: string) => `/open?a=1&api_key=${value}&`,
  ])('is invisible to the route (%#)', async (url) => {
    const response = await other.inject({ url: url(key.value) })

    expect(response.statusCode).toBe(200)
    expect(response.json().principal.keyId).toBe(key.id)
    expect(response.body).not.toContain(key.value)
    expect(JSON.stringify([response.json().url, response.json().query])).not.toMatch(/api[_-]key/)
  })

  test('takes nothing else out of the URL', async () => {
    const response = await other.inject({ url: `/open?a=1&api_key=${key.value}&b=%20x&a=2&c` })

    expect(response.json()).toMatchObject({
      url: '/open?a=1&b=%20x&a=2&c',
      query: { a: ['1', '2'], b: ' x', c: '' },
    })
  })

  test('appears in no line of the log, also beside a path that leads nowhere or is broken', async () => {
    await get(`/catalog/collections?api_key=${key.value}`)
    await get(`/catalog/nowhere?api-key=${key.value}`)
    await get(`/catalog/%zz?api_key=${key.value}&code=a-login-code`)
    await get(`/catalog/collections?api_key=${'x'.repeat(12)}not-one-of-ours`)
    await get(`/catalog/${key.value}`)
    await get(`/catalog/%20${key.value}`)

    const log = service.log.join('')
    expect(log).toContain('/catalog/nowhere?api-key=[hidden]')
    expect(log).not.toContain(key.value)
    expect(log).not.toContain(key.value.slice(12))
    expect(log).not.toContain('not-one-of-ours')
    expect(log).not.toContain('a-login-code')
  })
})

describe('elsewhere a key in the URL', () => {
  test('is no credential', async () => {
    for (const url of ['/me', '/api-keys', `/api-keys/${key.id}`]) {
      const answer = await get(`${url}?api_key=${key.value}`)

      expect(answer.status).toBe(401)
      expect(answer.json.code).toBe('not_authenticated')
      expect(answer.body).not.toContain(key.value)
    }
    expect(service.log.join('')).not.toContain(key.value)
  })

  test('is left alone beside a header that opens', async () => {
    const response = await other.inject({
      url: '/closed?api_key=of-the-route-itself',
      headers: { 'x-api-key': key.value },
    })

    expect(response.json().query).toEqual({ api_key: 'of-the-route-itself' })
  })
})
