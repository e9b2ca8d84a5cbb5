import { once } from 'node:events'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { linkSecret, makeLink, tokenOf } from '../links/links.js'
import { asAdministrator } from '../services/administrator.js'
import { type RawAnswer, requestRaw } from '../support/raw-http.js'
import { type CreatedKey, startService, type TestService } from '../support/service.js'
import { changeService, setServices } from '../support/services.js'
import { startUpstream, type Upstream } from '../support/upstream.js'

let upstream: Upstream
let service: TestService
let key: CreatedKey
let url: string

beforeAll(async () => {
  upstream = await startUpstream()
  service = await startService({ ...linkSecret, MAX_KEYS_PER_USER: '1000' }, { hasGateway: true })
  await setServices(
    service,
    { id: 'echo', target: upstream.url },
    { id: 'answer', target: upstream.url, preflight: 'answer' },
    { id: 'query', target: upstream.url, accept: { query: true } },
  )
})
beforeEach(async () => {
  key = await service.createKey('alice')
  url = await makeLink(service, key, '/echo/tiles')
  upstream.seen.length = 0
})
afterAll(async () => {
  await service.close()
  await upstream.close()
})

const port = () => Number(new URL(service.gatewayUrl).port)
/** The target as it stands there, which `fetch` would resolve. */
const ask = (target: string, lines: string[] = [], method = 'GET') =>
  requestRaw(port(), [`${method} ${target} HTTP/1.1`, ...lines])
/** Through the link, with something else for its path. */
const through = (path: string, lines: string[] = [], method = 'GET') =>
  ask(`/k/${tokenOf(url)}${path}`, lines, method)
const summary = ({ status, json }: RawAnswer) => [status, json?.code]

describe('a link', () => {
  test('opens its path and what lies below it, and the service sees neither link nor key', async () => {
    const answers = await Promise.all(['', '/', '/1/2.png?size=2'].map((more) => fetch(url + more)))
    const head = await fetch(url, { method: 'HEAD' })

    expect([...answers, head].map(({ status }) => status)).toEqual([200, 200, 200, 200])
    expect(upstream.seen.map((one) => one.url).sort()).toEqual([
      '/tiles',
      '/tiles',
      '/tiles/',
      '/tiles/1/2.png?size=2',
    ])
    const seen = JSON.stringify(upstream.seen)
    expect(seen).not.toContain(tokenOf(url))
    expect(seen).not.toContain('/k/')
    expect(seen).not.toContain(key.value)
    expect(upstream.seen[0]?.headers).toMatchObject({
      'latchkey-login': 'alice',
      'latchkey-via': 'api-key',
      'latchkey-key-id': key.id,
      'x-forwarded-prefix': '/echo',
    })
  })

  test('is in no header that the service sees, though a browser or a proxy tells of the whole URL', async () => {
    const { pathname } = new URL(url)

    const answer = await through('/echo/tiles/a', [
      `Referer: ${url}/index.html`,
      `X-Asked-URI: ${pathname}/a`,
      `X-Whole: ${encodeURIComponent(url)}`,
      `X-Token: ${tokenOf(url)}`,
      'X-Kept: /echo/tiles',
    ])

    expect(answer.status).toBe(200)
    expect(answer.body).not.toContain(tokenOf(url))
    expect(answer.json.headers).toMatchObject({ 'x-kept': '/echo/tiles' })
    expect(answer.json.headers).not.toHaveProperty('referer')
  })

  test('takes no header along that only has the same words in it', async () => {
    const lines = [
      `X-API-Key: ${key.value}`,
      'X-Client-Verify: FAILED',
      'X-Client-Name: CN=Mallory the Caller',
    ]

    const answers = [
      await ask('/k/FAILED/echo/x', lines),
      await ask('/k/CN=Mallory%20the%20Caller/echo/x', lines),
    ]

    for (const { json } of answers) {
      expect(json.headers).toMatchObject({
        'x-client-verify': 'FAILED',
        'x-client-name': 'CN=Mallory the Caller',
      })
    }
  })

  test('is not told by the page that it opened, to whatever way in that page then takes', async () => {
    const lines = [`X-API-Key: ${key.value}`]

    const followed = await ask('/echo/x', [...lines, `Referer: ${url}`])
    const other = await ask('/echo/x', [...lines, 'Referer: https://portal.example.org/map?tiles=/k/1'])

    expect(followed.json.headers).not.toHaveProperty('referer')
    expect(other.json.headers).toMatchObject({ referer: 'https://portal.example.org/map?tiles=/k/1' })
  })

  test('opens a path with two slashes behind the prefix, and nothing beside it', async () => {
    url = await makeLink(service, key, '/echo//host/tiles')

    const answers = [
      await through('/echo//host/tiles'),
      await through('/echo//host/tiles/a'),
      await through('/echo//host/other'),
      await through('/echo//host/tiles/..;/other'),
      await through('/echo/tiles'),
    ]

    expect(answers.map(({ status }) => status)).toEqual([200, 200, 403, 400, 403])
    expect(upstream.seen.map((one) => one.url)).toEqual(['//host/tiles', '//host/tiles/a'])
  })

  test('tells browsers to keep its URL to themselves, refused or not', async () => {
    const answers = [
      await through('/echo/tiles'),
      await through('/echo/other'),
      await through('/nowhere'),
      await ask('/k/eyJ.a.b/echo/tiles'),
    ]

    expect(answers.map(({ status }) => status)).toEqual([200, 403, 404, 401])
    for (const answer of answers) expect(answer.header('referrer-policy')).toEqual(['no-referrer'])
  })

  test('is neither logged nor answered, whatever comes of it', async () => {
    service.log.length = 0

    const answers = [
      await through('/echo/tiles/a'),
      await through('/echo/other'),
      await through('/nowhere'),
      await through('/echo/tiles', [], 'DELETE'),
      await through('/echo/%zz'),
      await ask(`/k/${tokenOf(url)}x/echo/tiles`),
    ]
    await service.inject({ url: new URL(url).pathname })

    const told =
      service.log.join('') +
      answers
        .slice(1)
        .map(({ body }) => body)
        .join('')
    expect(service.log.length).toBeGreaterThanOrEqual(answers.length)
    for (const part of tokenOf(url).split('.')) expect(told).not.toContain(part)
    expect(told).not.toContain('/k/ey')
  })

  test('counts as a use of its key', async () => {
    await service.inject({
      ...{ method: 'PATCH', url: `/admin/api-keys/${key.id}`, headers: await asAdministrator(service) },
      payload: { limits: { per_day: 2 } },
    })

    const statuses: number[] = []
    for (let count = 0; count < 3; count++) statuses.push((await through('/echo/tiles')).status)

    expect(statuses).toEqual([200, 200, 429])
  })

  test('leaves relative links in a page working', async () => {
    const page = await fetch(`${url}/index.html`)

    const next = await fetch(new URL('img/1.png', page.url))

    expect(next.status).toBe(200)
    expect(upstream.seen.at(-1)?.url).toBe('/tiles/img/1.png')
  })

  test('may be escaped on the way, as any path', async () => {
    const token = tokenOf(url).replaceAll('.', '%2E')

    expect((await ask(`/%6b/${token}/echo/%74iles/a`)).status).toBe(200)
  })

  test('to a file opens nothing beside it', async () => {
    url = await makeLink(service, key, '/echo/a.tif')

    const answers = await Promise.all(['', '.ovr', '.aux.xml', '/tile'].map((more) => fetch(url + more)))

    expect(answers.map(({ status }) => status)).toEqual([200, 403, 403, 200])
  })

  test('to a folder does not open the folder as a file', async () => {
    url = await makeLink(service, key, '/echo/tiles/')

    const answers = [await through('/echo/tiles/'), await through('/echo/tiles')]

    expect(answers.map(({ status }) => status)).toEqual([200, 403])
  })
})

describe('a link opens nothing else:', () => {
  test.each([
    ['beside it', '/echo/other'],
    ['a name that only begins like it', '/echo/tilesandmore'],
    ['above it', '/echo'],
    ['above it, by dots', '/echo/tiles/..'],
    ['above it, by escaped dots', '/echo/tiles/%2e%2E/other'],
    ['beside it, by dots', '/echo/tiles/../other'],
    ['itself in a folder of that name', '/echo/x/tiles'],
    ['its segments as one', '/echo/tiles%2Fa'],
    ['with another slash', '/echo//tiles'],
    ['in capitals', '/echo/TILES'],
    ['another service', '/answer/tiles'],
    ['another service, by dots', '/echo/tiles/../../answer'],
  ])('%s', async (_what, path) => {
    const answer = await through(path)

    expect(summary(answer)).toEqual([403, 'not_authorized_here'])
    expect(answer.json.detail).toContain('link')
    expect(upstream.seen).toEqual([])
  })

  test.each([
    ['a parent that only a careless server sees', '/echo/tiles/..%2Fother', 400],
    ['a parent that only Tomcat sees', '/echo/tiles/..;/other', 400],
    ['a broken escape', '/echo/tiles/%4', 400],
    ['itself without the link, by dots', '/../echo/tiles', 404],
    ['itself by leaving all of the link', '/../../echo/tiles', 401],
    ['a path that no service has', '/nowhere', 404],
  ])('%s', async (_what, path, status) => {
    expect((await through(path)).status).toBe(status)
    expect(upstream.seen).toEqual([])
  })

  test.each(['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND', 'TRACE'])('%s', async (method) => {
    const answer = await through('/echo/tiles', ['X-HTTP-Method-Override: GET'], method)

    expect(summary(answer)).toEqual([403, 'read_only_key'])
    expect(upstream.seen).toEqual([])
  })

  test('a WebSocket', async () => {
    const socket = new WebSocket(url.replace('http', 'ws'))

    const [, { statusCode }] = await once(socket, 'unexpected-response')

    expect(statusCode).toBe(403)
    expect(upstream.seen).toEqual([])
    socket.on('error', () => {}).terminate()
  })

  test('a preflight is nobody’s, and the service does not see the link either', async () => {
    const lines = ['Origin: https://portal.example.org', 'Access-Control-Request-Method: GET']

    const forwarded = await through('/echo/tiles/a', lines, 'OPTIONS')
    const answered = await through('/answer/tiles', lines, 'OPTIONS')

    expect([forwarded.status, answered.status]).toEqual([200, 204])
    expect(upstream.seen).toMatchObject([{ method: 'OPTIONS', url: '/tiles/a' }])
    expect(JSON.stringify(upstream.seen)).not.toContain(tokenOf(url))
  })
})

describe('a link keeps the bounds of its key:', () => {
  const change = async (payload: object) =>
    service.inject({
      ...{ method: 'PATCH', url: `/admin/api-keys/${key.id}`, headers: await asAdministrator(service) },
      payload,
    })

  test.each<[string, object, string]>([
    ['addresses', { allowed_ips: ['192.0.2.1'] }, 'address_not_allowed'],
    ['pages', { allowed_referers: ['portal.example.org'] }, 'referer_not_allowed'],
    ['services', { services: ['answer'] }, 'not_authorized_here'],
  ])('%s', async (_what, payload, code) => {
    expect((await through('/echo/tiles')).status).toBe(200)
    await change(payload)

    const answer = await through('/echo/tiles')

    expect(summary(answer)).toEqual([403, code])
    expect(upstream.seen).toHaveLength(1)
  })

  test('pages, of which one that may use it does', async () => {
    await change({ allowed_referers: ['portal.example.org'] })

    const answer = await through('/echo/tiles', ['Referer: https://portal.example.org/map'])

    expect(answer.status).toBe(200)
  })

  test('scopes', async () => {
    await changeService(service, 'echo', { access: { scopes: ['editor'] } })
    try {
      expect(summary(await through('/echo/tiles'))).toEqual([403, 'insufficient_scope'])
    } finally {
      await changeService(service, 'echo', { access: { scopes: [] } })
    }
  })
})

describe('beside a link', () => {
  test('a credential in a header decides, good or not, and the service sees no link', async () => {
    const good = await through('/echo/other', [`X-API-Key: ${key.value}`], 'POST')
    const wrong = await through('/echo/tiles', ['X-API-Key: lk_wrong'])

    expect([good.status, wrong.status]).toEqual([200, 401])
    expect(good.body).not.toContain(tokenOf(url))
  })

  test('a key in the query is one too many', async () => {
    const target = new URL(await makeLink(service, key, '/query/a')).pathname

    const answer = await ask(`${target}?api_key=${key.value}`)

    expect(summary(answer)).toEqual([400, 'invalid_request'])
    expect(answer.body).not.toContain(key.value)
    expect(upstream.seen).toEqual([])
  })

  test('a query of that name is the service’s, where it takes no keys in queries', async () => {
    expect((await through('/echo/tiles?api_key=of-the-service')).json.url).toBe(
      '/tiles?api_key=of-the-service',
    )
  })
})

describe('the value of a key in the path', () => {
  test('opens a service that takes keys in queries, all of it and by every method', async () => {
    const answers = [
      await ask(`/k/${key.value}/query/a/b?c=d`),
      await ask(`/k/${key.value}/query/x`, [], 'DELETE'),
    ]

    expect(answers.map(({ status }) => status)).toEqual([200, 200])
    expect(upstream.seen).toMatchObject([
      { url: '/a/b?c=d', headers: { 'latchkey-key-id': key.id } },
      { method: 'DELETE', url: '/x' },
    ])
    expect(JSON.stringify(upstream.seen)).not.toContain(key.value)
    expect(answers[0]?.header('referrer-policy')).toEqual(['no-referrer'])
    expect(service.log.join('')).not.toContain(key.value)
  })

  test('presents nothing anywhere else, and is not seen there', async () => {
    const answer = await ask(`/k/${key.value}/echo/a`)
    const besideOne = await ask(`/k/${key.value}/echo/a`, [`X-API-Key: ${key.value}`])

    expect([summary(answer), besideOne.status]).toEqual([[401, 'not_authenticated'], 200])
    expect(upstream.seen).toMatchObject([{ url: '/a' }])
    expect(JSON.stringify(upstream.seen)).not.toContain(key.value)
  })

  test('is refused where it is wrong, revoked or given twice', async () => {
    const wrong = await ask(`/k/${key.value.slice(0, -1)}/query/a`)
    const twice = await ask(`/k/${key.value}/query/a?api_key=${key.value}`)
    await service.inject({
      ...{ method: 'POST', url: `/api-keys/${key.id}/revoke`, headers: await service.as('alice') },
    })
    const revoked = await ask(`/k/${key.value}/query/a`)

    expect([wrong, twice, revoked].map(summary)).toEqual([
      [401, 'invalid_credential'],
      [400, 'invalid_request'],
      [401, 'invalid_credential'],
    ])
    expect(upstream.seen).toEqual([])
  })
})
