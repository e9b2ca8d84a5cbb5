import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { remoteApp } from '../support/remote-app.js'
import { startUpstream, type Upstream } from '../support/upstream.js'
import { type SingleUserService, startSingleUser } from './a-service.js'

let upstream: Upstream
let service: SingleUserService
let reader: string
beforeAll(async () => {
  upstream = await startUpstream()
  service = await startSingleUser({}, { hasGateway: true })
  const post = async (url: string, payload: object) => {
    const headers = { 'x-api-key': service.key }
    const answer = await service.inject({ method: 'POST', url, headers, payload })
    if (answer.status !== 201) throw new Error(answer.body)
    return answer.json
  }
  const limits = { per_second: null, per_day: 1, per_month: null }
  await post('/admin/groups', { id: 'lab', name: 'Lab', limits })
  const descriptor = { name: 'Echo', group: 'lab', target: upstream.url }
  const access = { scopes: ['read'], write_scopes: ['write'] }
  await post('/admin/services', { id: 'echo', prefix: '/echo', ...descriptor, access })
  await post('/admin/services', {
    ...{ id: 'robots', prefix: '/robots', ...descriptor },
    access: { kinds: ['server'] },
    forward_authorization: 'all',
  })
  reader = (await post('/api-keys', { name: 'reader', scopes: ['read'] })).value
}, 120_000)
beforeEach(() => {
  upstream.seen.length = 0
})
afterAll(async () => {
  await service.close()
  await upstream.close()
})

const call = (path: string, headers: Record<string, string> = {}, method = 'GET') =>
  fetch(service.gatewayUrl + path, { method, headers })

describe('at the gateway the one key', () => {
  test.each([
    ['GET', '/echo/x'],
    ['POST', '/echo/x'],
    ['DELETE', '/robots/x'],
  ])('opens every service, whatever it asks for: %s %s', async (method, path) => {
    const answer = await call(path, { authorization: `Bearer ${service.key}` }, method)

    expect(answer.status).toBe(200)
    expect(upstream.seen[0]?.headers).toMatchObject({
      'latchkey-subject': 'single-user',
      'latchkey-kind': 'user',
      'latchkey-scopes': '*',
      'latchkey-key-id': '',
    })
    expect(JSON.stringify(upstream.seen)).not.toContain(service.key)
  })

  test('is taken in the query of every service, which sees nothing of it', async () => {
    const answer = await call(`/echo/x?a=1&api_key=${service.key}&b=2`)

    expect(answer.status).toBe(200)
    expect(answer.headers.get('referrer-policy')).toBe('no-referrer')
    expect(upstream.seen[0]?.url).toBe('/x?a=1&b=2')
    expect(JSON.stringify(upstream.seen)).not.toContain(service.key)
    expect(service.log.join('')).not.toContain(service.key)
  })

  test('is taken in the path of every service, which sees nothing of it', async () => {
    const answer = await call(`/k/${service.key}/echo/x`)

    expect(answer.status).toBe(200)
    expect(upstream.seen[0]?.url).toBe('/x')
    expect(JSON.stringify(upstream.seen)).not.toContain(service.key)
    expect(service.log.join('')).not.toContain(service.key)
  })

  test('is taken out of what a browser asks before a call', async () => {
    await fetch(`${service.gatewayUrl}/echo/x?api_key=${service.key}`, {
      method: 'OPTIONS',
      headers: { origin: 'https://app.example', 'access-control-request-method': 'GET' },
    })

    expect(upstream.seen[0]?.url).toBe('/x')
  })

  test('is wrong with one character changed, and the service hears nothing', async () => {
    const wrong = await call(`/echo/x?api_key=${service.key.slice(0, -1)}_`)
    const none = await call('/echo/x')

    expect([wrong.status, none.status]).toEqual([401, 401])
    expect(upstream.seen).toEqual([])
  })
})

test('a key that was cut down opens what it names and no more, and is limited as any', async () => {
  const read = await call('/echo/x', { 'x-api-key': reader })
  const write = await call('/echo/x', { 'x-api-key': reader }, 'POST')
  const robots = await call('/robots/x', { 'x-api-key': reader })
  const second = await call('/echo/x', { 'x-api-key': reader })

  expect([read.status, write.status, robots.status, second.status]).toEqual([200, 403, 403, 429])
  expect(upstream.seen[0]?.headers).toMatchObject({ 'latchkey-scopes': 'read', 'latchkey-roles': '*' })
})

describe('in another service, which asks about keys', () => {
  let other: FastifyInstance
  beforeAll(async () => {
    other = await remoteApp(service, service.url, [
      { url: '/any', access: {} },
      { url: '/asks', access: { scopes: ['something', 'else'] } },
      { url: '/login', access: { by: 'login' } },
      { url: '/servers', access: { kinds: ['server'] } },
    ])
  })
  afterAll(() => other.close())

  const ask = async (url: string, value: string) =>
    (await other.inject({ url, headers: { 'x-api-key': value } })).statusCode

  test.each(['/any', '/asks', '/login', '/servers'])('the one key opens %s', async (url) => {
    expect(await ask(url, service.key)).toBe(200)
  })

  test.each([
    ['/asks', 403],
    ['/login', 403],
    ['/servers', 403],
  ])('a key of the single user does not open %s', async (url, status) => {
    expect(await ask(url, reader)).toBe(status)
  })

  test('a wrong one opens nothing', async () => {
    expect(await ask('/any', `${service.key.slice(0, -1)}_`)).toBe(401)
  })
})
