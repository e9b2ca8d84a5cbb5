import { afterAll, beforeAll, expect, test } from 'vitest'
import { type CreatedKey, startService, type TestService } from '../support/service.js'
import { setServices } from '../support/services.js'
import { startUpstream, type Upstream } from '../support/upstream.js'

let upstream: Upstream
let service: TestService
let key: CreatedKey
let own: Record<string, string>
const asked: string[] = []

beforeAll(async () => {
  upstream = await startUpstream((request, response) => {
    asked.push(`${request.method} ${request.url}`)
    response.writeHead(request.url === '/fault' ? 500 : 200, {
      'access-control-allow-origin': 'https://app.example.org',
      'access-control-allow-credentials': 'true',
      vary: 'Accept',
    })
    response.end('{}')
  })
  service = await startService({}, { hasGateway: true })
  await setServices(service, { id: 'data', target: upstream.url, preflight: 'refuse' })
  key = await service.createKey('alice')
  own = { origin: service.url }
})
afterAll(async () => {
  await service.close()
  await upstream.close()
})

const ask = (path: string, init: RequestInit = {}) => fetch(service.gatewayUrl + path, init)
const preflight = (origin: string) =>
  ask('/data/items', {
    method: 'OPTIONS',
    headers: {
      origin,
      'access-control-request-method': 'PATCH',
      'access-control-request-headers': 'x-api-key,content-type',
    },
  })

test('the preflight of our own page is answered by the gateway, whatever the service says of preflights', async () => {
  asked.length = 0

  const { status, headers } = await preflight(service.url)

  expect(status).toBe(204)
  expect(Object.fromEntries(headers)).toMatchObject({
    'access-control-allow-origin': service.url,
    'access-control-allow-methods': 'PATCH',
    'access-control-allow-headers': 'x-api-key,content-type',
    'access-control-max-age': '600',
  })
  expect(headers.get('access-control-allow-credentials')).toBeNull()
  expect(asked).toEqual([])
})

test.each(['https://app.example.org', 'null', 'http://127.0.0.1'])(
  'a preflight of %s is not answered so',
  async (origin) => {
    const { status, headers } = await preflight(origin)

    expect(status).toBe(403)
    expect(headers.get('access-control-allow-origin')).toBeNull()
  },
)

test.each(['/data/items', '/data/fault'])(
  'our own page reads the answer of %s, and all of its headers',
  async (path) => {
    const { headers } = await ask(path, { headers: { ...own, 'x-api-key': key.value } })

    expect(headers.get('access-control-allow-origin')).toBe(service.url)
    expect(headers.get('access-control-expose-headers')).toBe('*')
    expect(headers.get('vary')).toBe('Accept, Origin')
  },
)

test.each([
  ['without a key', '/data/items', 401],
  ['to no service', '/nothing', 404],
])('our own page reads the refusal of a call %s', async (_, path, status) => {
  const answer = await ask(path, { headers: own })

  expect(answer.status).toBe(status)
  expect(answer.headers.get('access-control-allow-origin')).toBe(service.url)
})

test('to all other pages a service says itself what they may read', async () => {
  const { headers } = await ask('/data/items', {
    headers: { origin: 'https://app.example.org', 'x-api-key': key.value },
  })

  expect(headers.get('access-control-allow-origin')).toBe('https://app.example.org')
  expect(headers.get('access-control-allow-credentials')).toBe('true')
  expect(headers.get('vary')).toBe('Accept')
})

test('an OPTIONS of our own page that is no preflight is a call as any other', async () => {
  const { status } = await ask('/data/items', { method: 'OPTIONS', headers: own })

  expect(status).toBe(401)
})
