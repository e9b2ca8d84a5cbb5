import { METHODS } from 'node:http'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { requestRaw } from '../support/raw-http.js'
import { type CreatedKey, startService, type TestService } from '../support/service.js'
import { setServices } from '../support/services.js'
import { startUpstream, type Upstream } from '../support/upstream.js'

let upstream: Upstream
let service: TestService
let key: CreatedKey
const echo = () => ({ id: 'echo', target: upstream.url })
const port = () => Number(new URL(service.gatewayUrl).port)
const call = (path: string, init: RequestInit = {}) =>
  fetch(service.gatewayUrl + path, { ...init, headers: { 'x-api-key': key.value, ...init.headers } })

beforeAll(async () => {
  upstream = await startUpstream()
  service = await startService({}, { hasGateway: true })
  key = await service.createKey('alice')
  await setServices(service, echo())
})
afterEach(async () => {
  upstream.seen.length = 0
  await setServices(service, echo())
})
afterAll(async () => {
  await service.close()
  await upstream.close()
})

describe('a call with a key', () => {
  test('reaches the service that its path names, without the prefix', async () => {
    const answer = await call('/echo/a/b?c=d')

    expect(answer.status).toBe(200)
    expect(upstream.seen).toMatchObject([{ method: 'GET', url: '/a/b?c=d' }])
  })

  test('reaches it with the prefix where the service asks for it', async () => {
    await setServices(service, { ...echo(), strip_prefix: false })

    await call('/echo/a')

    expect(upstream.seen).toMatchObject([{ url: '/echo/a' }])
  })

  test.each([
    ['/base', '/echo', '/base'],
    ['/base/', '/echo/', '/base/'],
    ['/base', '/echo/a//b', '/base/a//b'],
    ['', '/echo', '/'],
    ['', '/echo?a', '/?a'],
    ['', '/echo//a', '//a'],
  ])('below the path %j, %s becomes %s', async (base, path, forwarded) => {
    await setServices(service, { ...echo(), target: upstream.url + base })

    await call(path)

    expect(upstream.seen).toMatchObject([{ url: forwarded }])
  })

  test('brings its body along, whatever its type', async () => {
    const answers = await Promise.all(
      ['application/json', 'text/plain', 'application/x-odd; a=b', 'no type at all'].map((type) =>
        call('/echo', { method: 'POST', body: '{"broken', headers: { 'content-type': type } }),
      ),
    )

    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200])
    expect(upstream.seen.map(({ body }) => body)).toEqual(Array(4).fill('{"broken'))
  })

  test.each(METHODS.filter((method) => !['CONNECT'].includes(method)))('may be a %s', async (method) => {
    const answer = await requestRaw(port(), [`${method} /echo/x HTTP/1.1`, `X-API-Key: ${key.value}`])

    expect(answer.status).toBe(200)
    expect(upstream.seen).toMatchObject([{ method, url: '/x' }])
  })

  test('is told who calls, and never how they proved it', async () => {
    await call('/echo')

    const [seen] = upstream.seen
    expect(seen?.headers).toMatchObject({ 'latchkey-login': 'alice', 'latchkey-key-id': key.id })
    expect(seen?.headers).not.toHaveProperty('x-api-key')
    expect(JSON.stringify(seen)).not.toContain(key.value)
  })

  test('tells how long it took here and there', async () => {
    const { headers } = await call('/echo')

    expect(headers.get('otoroshi-proxy-latency')).toMatch(/^\d+$/)
    expect(headers.get('otoroshi-upstream-latency')).toMatch(/^\d+$/)
    expect(headers.get('x-request-id')).toBe(upstream.seen[0]?.headers['x-request-id'])
  })
})

describe('nothing reaches a service', () => {
  test('without a credential', async () => {
    const answer = await fetch(`${service.gatewayUrl}/echo`)

    expect(answer.status).toBe(401)
    expect(await answer.json()).toMatchObject({ code: 'not_authenticated' })
    expect(upstream.seen).toEqual([])
  })

  test('with a wrong one', async () => {
    const answer = await call('/echo', { headers: { 'x-api-key': `${key.value.slice(0, -1)}?` } })

    expect(answer.status).toBe(401)
    expect(upstream.seen).toEqual([])
  })

  test.each(['/', '/other', '/echoes', '/ECHO', '/echo/../other', '/echo%2Fa'])(
    'by the path %s',
    async (path) => {
      const answer = await requestRaw(port(), [`GET ${path} HTTP/1.1`, `X-API-Key: ${key.value}`])

      expect(answer.status).toBe(404)
      expect(answer.json.code).toBe('not_found')
      expect(upstream.seen).toEqual([])
    },
  )
})
