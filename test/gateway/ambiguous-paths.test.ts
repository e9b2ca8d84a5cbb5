import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { asAdministrator } from '../services/administrator.js'
import { openConnection, requestRaw } from '../support/raw-http.js'
import { type CreatedKey, startService, type TestService } from '../support/service.js'
import { changeService, setServices } from '../support/services.js'
import { type SeenRequest, startUpstream, type Upstream } from '../support/upstream.js'

let upstream: Upstream
let service: TestService
let key: CreatedKey
let readOnly: CreatedKey
const port = () => Number(new URL(service.gatewayUrl).port)

// Two services of one target, as an operator guards a part of one: what gets past must be seen there.
beforeAll(async () => {
  upstream = await startUpstream()
  service = await startService({}, { hasGateway: true })
  key = await service.createKey('alice')
  readOnly = await service.createKey('alice', { read_only: true })
  const access = { scopes: ['nobody-has-it'] }
  await setServices(
    service,
    { id: 'up', target: `${upstream.url}/base` },
    { id: 'admin', prefix: '/up/admin', target: `${upstream.url}/base/admin`, access },
    { id: 'capitals', prefix: '/up/Secret', target: `${upstream.url}/base/Secret`, access },
    {
      ...{ id: 'stac', target: upstream.url, access: { scopes: ['nobody-has-it'], write_scopes: ['write'] } },
      ...{ public_paths: ['/', '/docs', '/Static/*', '/health/'], safe_posts: ['/search', '/find/*'] },
    },
    {
      id: 'free',
      target: upstream.url,
      access: { write_scopes: ['write'] },
      safe_posts: ['/search', '/find/*'],
    },
  )
})
afterEach(() => {
  upstream.seen.length = 0
})
afterAll(async () => {
  await Promise.all([service.close(), upstream.close()])
})

const ask = async (method: string, target: string, lines: string[] = []) => {
  const { status, body } = await requestRaw(port(), [`${method} ${target} HTTP/1.1`, ...lines])
  const { code } = status < 400 ? {} : (JSON.parse(body) as { code?: string })
  return [status, code]
}
const withKey = () => [`X-API-Key: ${key.value}`]
const seen = () => upstream.seen.map(({ method, url }) => `${method} ${url}`)

describe('a path that servers read as that of another service is refused', () => {
  const attacks = [
    '/up//admin',
    '/up///admin/x',
    '/up/Admin',
    '/up/ADMIN/x',
    '/up/admin;x',
    '/up/admin;x=1/y',
    '/up/;/admin',
    '/up/;a=b/admin/x',
    '/up/%2Fadmin',
    '/up/%2fadmin/x',
    '/up/%5Cadmin',
    '/up/admin%2Fx',
    '/up/admin%5cx',
    '/up/admin%20',
    '/up/admin%20/x',
    '/up/admin.',
    '/up/admin../x',
    '/up/admin%2e',
    '/up/%2561dmin',
    '/up/%252561dmin',
    '/up/admin%3Bx',
    '/up/admin%253bx',
    '/up/x/%252e%252e/admin',
    '/up/x/%252e%252e%252fadmin',
    '/up/x/..;/admin',
    '/up/x%2F..%2Fadmin',
    '/up/x/..%5Cadmin',
    '/up/.;/admin',
    '/up/%252e/admin',
    '/up//Admin;x/%20./y',
    '/up/secret',
    '/up/secret/x',
    '/up/SECRET',
    '/up/%53ecret;x',
    '/up/adm%C4%B0n',
    '/up/admin%2500',
    '/up/admin%0A',
    '/up/admin%09/x',
    '/up/x/%c0%ae%c0%ae/admin',
    '/up/admin%3F',
    '/up/%3F/../admin%253Fx',
    '/up/%20admin',
    '/up/x/..%20/admin',
    '/up/x/%20../admin',
    '/up/admin%23x',
    '/up/adm%25C4%B1n',
    '/up/%25u0061dmin',
    '/up//x/admin',
    '/up///x/admin/y',
    '/up//x//y/admin',
    '/up/%2Fx/admin',
    '/up/%5Cx/admin',
    '/up/%5c%5cx/Admin',
  ]

  test.each(attacks)('%s', async (path) => {
    expect(await ask('GET', path, withKey())).toEqual([400, 'ambiguous_path'])
    expect(seen()).toEqual([])
  })

  test.each(['GET', 'POST', 'OPTIONS', 'PROPFIND'])(
    'by %s, before a credential is looked at',
    async (method) => {
      expect(await ask(method, '/up//admin')).toEqual([400, 'ambiguous_path'])
      expect(await ask(method, '/up//admin', ['X-API-Key: wrong'])).toEqual([400, 'ambiguous_path'])
      expect(seen()).toEqual([])
    },
  )

  test.each([
    '/up/..;/x',
    '/up/..%2Fup/x',
    '/up/%252e%252e/up/x',
    '/up/x/..;/..;/up/y',
    '/up/..;/base/admin',
    '/up/..%20/other',
    '/up/%20../other',
  ])('%s, which leaves the target as well', async (path) => {
    expect(await ask('GET', path, withKey())).toEqual([400, 'ambiguous_path'])
    expect(seen()).toEqual([])
  })

  test('as one with too many readings is', async () => {
    const path = `/up/%25${'25'.repeat(100)}41`

    expect(await ask('GET', path, withKey())).toEqual([400, 'ambiguous_path'])
  })

  test('as one of a disabled service is, whose own paths are not found', async () => {
    await changeService(service, 'admin', { enabled: false })
    const disabled = [
      await ask('GET', '/up/admin', withKey()),
      await ask('GET', '/up/admin/x', withKey()),
      await ask('GET', '/up//admin', withKey()),
    ]
    await changeService(service, 'admin', { enabled: true })

    expect(disabled).toEqual([
      [404, 'not_found'],
      [404, 'not_found'],
      [400, 'ambiguous_path'],
    ])
    expect(seen()).toEqual([])
    expect(await ask('GET', '/up/admin', withKey())).toEqual([403, 'insufficient_scope'])
  })

  test.each(['/Up', '/u%2570', '//up/admin', '/up%2Fadmin', '/up;x/admin', '/UP/admin'])(
    '%s, which no service has as it stands, is not found',
    async (path) => {
      expect(await ask('GET', path, withKey())).toEqual([404, 'not_found'])
    },
  )
})

const token = 'IQoJb3JpZ2luX2VjEA%2F%2B%3D'.repeat(80)
const presigned = `https%3A%2F%2Fbucket.s3.amazonaws.com%2FS2A.tif%3FX-Amz-Security-Token%3D${token}`

describe('a path whose readings agree goes on as it was sent', () => {
  test.each([
    ['/up/S2A_MSIL2A.SAFE/GRANULE/x.jp2', '/base/S2A_MSIL2A.SAFE/GRANULE/x.jp2'],
    ['/up/a//b', '/base/a//b'],
    ['/up/a//x/admin', '/base/a//x/admin'],
    ['/up//x/y', '/base//x/y'],
    ['/up//', '/base//'],
    ['/up/a;v=1/b', '/base/a;v=1/b'],
    ['/up/a%2Fb', '/base/a%2Fb'],
    ['/up/a%20b.', '/base/a%20b.'],
    ['/up/%C3%89t%C3%A9', '/base/%C3%89t%C3%A9'],
    ['/up/administrator', '/base/administrator'],
    ['/up/x/..;/y', '/base/x/..;/y'],
    ['/up/%E9t%E9', '/base/%E9t%E9'],
    [`/up/cog/${presigned}/1/2/3.png`, `/base/cog/${presigned}/1/2/3.png`],
    [`/up/A%20b/${'Xy/'.repeat(3000)}`, `/base/A%20b/${'Xy/'.repeat(3000)}`],
    [
      '/up/tiles/https%3A%2F%2Fhost%2FS2.tif%3Fsig%3DAb%252Bc/1',
      '/base/tiles/https%3A%2F%2Fhost%2FS2.tif%3Fsig%3DAb%252Bc/1',
    ],
  ])('%s', async (path, forwarded) => {
    expect(await ask('GET', path, withKey())).toEqual([200, undefined])
    expect(seen()).toEqual([`GET ${forwarded}`])
  })

  test('also below a prefix with capitals', async () => {
    expect(await ask('GET', '/up/Secret/x', withKey())).toEqual([403, 'insufficient_scope'])
    expect(await ask('GET', '/up/Secret/X;y', withKey())).toEqual([403, 'insufficient_scope'])
  })
})

describe('a public path', () => {
  test.each([
    ['GET', '/stac', '/'],
    ['GET', '/stac/', '/'],
    ['GET', '/stac/docs', '/docs'],
    ['HEAD', '/stac/docs', '/docs'],
    ['GET', '/stac/docs?f=json', '/docs?f=json'],
    ['GET', '/stac/Static/', '/Static/'],
    ['GET', '/stac/Static/js/app.js', '/Static/js/app.js'],
    ['GET', '/stac/Static/A%20b.', '/Static/A%20b.'],
    ['GET', '/stac/health/', '/health/'],
  ])('needs no credential: %s %s', async (method, path, forwarded) => {
    const { status } = await requestRaw(port(), [`${method} ${path} HTTP/1.1`])

    expect(status).toBe(200)
    expect(seen()).toEqual([`${method} ${forwarded}`])
  })

  test('tells the service of nobody: every identity header is there, and empty', async () => {
    await ask('GET', '/stac/docs', [
      'Latchkey-Subject: admin',
      'Latchkey_Subject: admin',
      'Latchkey.Via: session',
    ])

    const { headers, rawHeaders } = upstream.seen[0] as SeenRequest
    const names = ['subject', 'login', 'kind', 'via', 'key-id', 'roles', 'scopes', 'config', 'assertion']
    expect(names.map((name) => headers[`latchkey-${name}`])).toEqual(names.map(() => ''))
    expect(rawHeaders.filter((name) => /^latchkey[^-]/i.test(name))).toEqual([])
  })

  test.each([
    ['POST', '/stac/docs', 401],
    ['OPTIONS', '/stac/docs', 401],
    ['PUT', '/stac/docs', 401],
    ['GET', '/stac/docs/', 401],
    ['GET', '/stac/docs/x', 401],
    ['GET', '/stac/docsx', 401],
    ['GET', '/stac/Docs', 401],
    ['GET', '/stac/static/x', 401],
    ['GET', '/stac/Static', 401],
    ['GET', '/stac/health', 401],
    ['GET', '/stac/private', 401],
  ])('is no other: %s %s asks for a credential', async (method, path, status) => {
    expect((await ask(method, path))[0]).toBe(status)
    expect(seen()).toEqual([])
  })

  test.each([
    '/stac/Static/..;/private',
    '/stac/Static/..;/STATIC/x',
    '/stac/Static/%252e%252e/private',
    '/stac/Static/..%2Fprivate',
    '/stac/Static/%5C..%5C..%5Cprivate',
    '/stac/Static/x/..;/..;/private',
    '/stac/Static/..%20/private',
    '/stac/Static/%20../private',
    '/stac/Static/%25C0%AE%25C0%AE/private',
    '/stac/Static/%F8%80%80%80%AE%F8%80%80%80%AE/private',
  ])('is refused in a form that servers read as another path: %s', async (path) => {
    expect(await ask('GET', path)).toEqual([400, 'ambiguous_path'])
    expect(await ask('GET', path, withKey())).toEqual([400, 'ambiguous_path'])
    expect(seen()).toEqual([])
  })

  test('refuses a wrong credential, and one whose rights do not suffice', async () => {
    expect(await ask('GET', '/stac/docs', ['X-API-Key: wrong'])).toEqual([401, 'invalid_credential'])
    expect(await ask('GET', '/stac/docs', ['Authorization: Bearer a.b.c'])).toEqual([
      401,
      'invalid_credential',
    ])
    expect(await ask('GET', '/stac/docs', ['Authorization: nothing'])).toEqual([400, 'invalid_request'])
    expect(await ask('GET', '/stac/docs', withKey())).toEqual([403, 'insufficient_scope'])
    expect(seen()).toEqual([])
  })

  test.each(['h2c', 'TLS/1.0'])(
    'is one for who offers %s, which is answered in HTTP/1.1',
    async (protocol) => {
      const offer = ['Connection: Upgrade', `Upgrade: ${protocol}`]

      expect(await ask('GET', '/stac/docs', offer)).toEqual([200, undefined])
    },
  )

  test('is none for a WebSocket', async () => {
    const upgrade = [
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: YQ==',
    ]

    expect(await ask('GET', '/stac/docs', upgrade)).toEqual([401, 'not_authenticated'])
    expect(seen()).toEqual([])
  })
})

describe('a safe POST', () => {
  const post = async (path: string, value: string) =>
    ask('POST', path, [`X-API-Key: ${value}`, 'Content-Length: 0'])

  test.each(['/free/search', '/free/find/x', '/free/find/'])('counts as reading: %s', async (path) => {
    expect(await post(path, readOnly.value)).toEqual([200, undefined])
    expect(await post(path, key.value)).toEqual([200, undefined])
  })

  test.each(['/free/search/', '/free/Search', '/free/find', '/free/other', '/free/search/x'])(
    'is no other: %s',
    async (path) => {
      expect(await post(path, readOnly.value)).toEqual([403, 'read_only_key'])
      expect(await post(path, key.value)).toEqual([403, 'insufficient_scope'])
      expect(seen()).toEqual([])
    },
  )

  test.each(['PUT', 'DELETE', 'PATCH'])('is none by %s', async (method) => {
    expect(await ask(method, '/free/search', [`X-API-Key: ${readOnly.value}`])).toEqual([
      403,
      'read_only_key',
    ])
  })

  test('asks for a credential, and for the rights of reading', async () => {
    expect(await ask('POST', '/free/search', ['Content-Length: 0'])).toEqual([401, 'not_authenticated'])
    expect(await post('/stac/search', key.value)).toEqual([403, 'insufficient_scope'])
  })

  test.each(['/free/find/..;/delete', '/free/find/%252e%252e/delete', '/free/find/..%2Fdelete'])(
    'is refused in a form that servers read as another path: %s',
    async (path) => {
      expect(await post(path, readOnly.value)).toEqual([400, 'ambiguous_path'])
      expect(seen()).toEqual([])
    },
  )
})

test('a stream without a credential ends when its path comes under another service', async () => {
  const events = await startUpstream((_request, response) => void response.writeHead(200).write('on'))
  await setServices(service, { id: 'ev', target: events.url, public_paths: ['/t/*'] })
  const connection = await openConnection(port())
  connection.socket.write(`GET /ev/t/x HTTP/1.1\r\nHost: a\r\n\r\n`)
  await connection.next('on')
  const begun = performance.now()

  const headers = await asAdministrator(service)
  await service.inject({
    ...{ method: 'POST', url: '/admin/services', headers },
    payload: {
      id: 'part',
      name: 'p',
      group: 'test',
      prefix: '/ev/t/x',
      target: events.url,
      access: { scopes: ['a'] },
    },
  })
  await connection.closed
  await events.close()

  expect(performance.now() - begun).toBeLessThan(3000)
})
