import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { requestRaw } from '../support/raw-http.js'
import { type CreatedKey, startService, type TestService } from '../support/service.js'
import { setServices, type WantedService } from '../support/services.js'
import { startUpstream, tellWhatCame, type Upstream } from '../support/upstream.js'

let upstream: Upstream
let answering: Upstream
let service: TestService
let trusting: TestService
let key: CreatedKey
let answer: Record<string, string | string[]> = {}

const ports = (from: TestService) => Number(new URL(from.gatewayUrl).port)
const serve = (wanted: Partial<WantedService> = {}, from = service) =>
  setServices(
    from,
    { id: 'echo', target: upstream.url, ...wanted },
    { id: 'answer', target: answering.url, ...wanted },
  )

/** What the service gets of these lines. */
async function forwarded(lines: string[], { from = service, path = '/echo' } = {}) {
  const withKey = from === service ? key : trustedKey
  const hasCredential = lines.some((line) => /^(authorization|otoroshi-[a-z-]+|cookie):/i.test(line))
  const all = hasCredential ? lines : [`X-API-Key: ${withKey.value}`, ...lines]
  const response = await requestRaw(ports(from), [`GET ${path} HTTP/1.1`, ...all])
  if (response.status !== 200) throw new Error(`Answered ${response.status}: ${response.body}`)
  return response.json as { url: string; headers: Record<string, string>; rawHeaders: string[] }
}
let trustedKey: CreatedKey

beforeAll(async () => {
  upstream = await startUpstream(tellWhatCame())
  answering = await startUpstream((_request, response) => {
    response.writeHead(200, answer).end('a')
  })
  service = await startService({}, { hasGateway: true })
  trusting = await startService({ TRUST_PROXY: '127.0.0.1' }, { hasGateway: true })
  key = await service.createKey('alice')
  trustedKey = await trusting.createKey('alice')
  await serve()
  await serve({}, trusting)
})
afterEach(() => {
  answer = {}
})
afterAll(async () => {
  await Promise.all([service.close(), trusting.close(), upstream.close(), answering.close()])
})

describe('a service gets of a client', () => {
  test('its headers as they came, in their case and order, and repeated ones', async () => {
    const { rawHeaders } = await forwarded(['X-CaSe: a', 'Accept: b', 'X-Many: 1', 'X-Many: 2', 'X-Empty:'])

    const pairs = rawHeaders.flatMap((name, at) => (at % 2 === 0 ? [`${name}: ${rawHeaders[at + 1]}`] : []))
    expect(pairs.filter((pair) => /^(X-C|X-M|X-E|Acc)/.test(pair))).toEqual([
      'X-CaSe: a',
      'Accept: b',
      'X-Many: 1',
      'X-Many: 2',
      'X-Empty: ',
    ])
  })

  test('its bytes beyond ASCII', async () => {
    const { headers } = await forwarded(['X-Name: caf\u00e9'])

    // The JSON is UTF-8, which was read as bytes.
    expect(Buffer.from(headers['x-name'] ?? '', 'latin1').toString()).toBe('caf\u00e9')
  })

  test('its own cookies, but neither the session nor a login under way', async () => {
    const { headers } = await forwarded([
      'Cookie: a=1; latchkey_session=s3cret; b=2; latchkey_login_abc=x',
      'Cookie: c=3',
      `X-API-Key: ${key.value}`,
    ])

    expect(headers.cookie).toBe('a=1; b=2; c=3')
  })

  test.each([
    'Latchkey-Subject',
    'latchkey-roles',
    'LATCHKEY_SUBJECT',
    'Latchkey_Roles',
    'Latchkey-Assertion',
    'Latchkey-Anything',
    'Latchkey.Subject',
    'LATCHKEY~ROLES',
    'latchkey!login',
    'Latchkey_Key.Id',
    "Latchkey'Via",
    'Latchkey-',
  ])('nothing that pretends to be of the gateway, as %s', async (name) => {
    const { headers, rawHeaders } = await forwarded([`${name}: root-9f`])

    expect(headers['latchkey-login']).toBe('alice')
    expect(JSON.stringify(rawHeaders)).not.toContain('root-9f')
  })

  test.each([
    ...['X-HTTP-Method-Override', 'x-http-method', 'X-Method-Override', 'X_HTTP_Method_Override'],
    ...['X-Original-URL', 'x_rewrite_url', 'X.Original.URL', 'X~HTTP!Method.Override', 'Content.Length'],
    ...['Transfer_Encoding', 'X.Forwarded.Proto', 'Proxy_Authorization'],
    ...['SCRIPT_NAME', 'Script-Name', 'X-Script-Name', 'x_script.name', 'PATH_INFO', 'Path-Info'],
    ...['X-Original-URI', 'X_Original_Uri', 'X-Rewrite-Uri', 'X-Original-Method', 'X-Forwarded-Method'],
    ...['X-Forwarded-Uri', 'X-Forwarded-Path', 'X-Forwarded-Script-Name', 'Proxy', 'X-Sendfile-Type'],
    'X-Accel-Mapping',
  ])('no other method, path or length by %s, of a trusted proxy neither', async (name) => {
    const ofClient = await forwarded([`${name}: DELETE`])
    const ofProxy = await forwarded([`${name}: DELETE`], { from: trusting })

    expect(JSON.stringify([ofClient.rawHeaders, ofProxy.rawHeaders])).not.toContain('DELETE')
  })

  test('its headers of other products, which are the affair of the service', async () => {
    const lines = ['Remote-User: a', 'X-Remote-User: b', 'X-Scripts: c', 'Proxies: d']
    const { headers } = await forwarded(lines)

    expect(headers).toMatchObject({
      'remote-user': 'a',
      'x-remote-user': 'b',
      'x-scripts': 'c',
      proxies: 'd',
    })
  })

  test.each(
    [
      'X-API-Key',
      'X_API_Key',
      'Otoroshi_Client_Secret',
      'Otoroshi-Token',
      'otoroshi_token',
      'X.API.Key',
    ].concat(['x_api.key', 'Otoroshi.Client~Secret']),
  )('no credential beside the one that decided, as %s', async (name) => {
    const response = await requestRaw(ports(service), [
      'GET /echo HTTP/1.1',
      ...(name === 'X-API-Key' ? [] : [`X-API-Key: ${key.value}`]),
      name === 'X-API-Key' ? `${name}: ${key.value}` : `${name}: other-9f`,
    ])

    expect(response.body).not.toContain('other-9f')
    expect(response.body).not.toContain(key.value)
  })

  test('no header that a server could fold into one of ours, whatever its name', async () => {
    const folds = fc.array(fc.constantFrom(...'-_.~!#$&*+^`|%'), { minLength: 1, maxLength: 3 })
    const secretNames = fc.constantFrom(['latchkey', 'subject'], ['x', 'api', 'key'], ['otoroshi', 'token'])
    const names = fc
      .tuple(secretNames, folds)
      .map(([parts, [first = '_', ...rest]]) =>
        parts.map((part, at) => (at === 0 ? part : `${rest[at - 1] ?? first}${part}`)).join(''),
      )

    await fc.assert(
      fc.asyncProperty(names, async (name) => {
        fc.pre(name !== 'x-api-key' && name !== 'otoroshi-token')
        const { rawHeaders } = await forwarded([`${name}: other-9f`])

        expect(JSON.stringify(rawHeaders)).not.toContain('other-9f')
      }),
      { numRuns: 60 },
    )
  })

  test('no trailer of its client', async () => {
    const body = '1\r\na\r\n0\r\nLatchkey-Subject: root-9f\r\nX-Other: 1\r\n\r\n'
    const lines = [
      'POST /echo HTTP/1.1',
      `X-API-Key: ${key.value}`,
      'Transfer-Encoding: chunked',
      'Trailer: X-Other',
    ]
    const response = await requestRaw(ports(service), lines, body)

    expect(response.status).toBe(200)
    expect(response.body).not.toContain('root-9f')
  })

  test.each([
    ['none', false],
    ['tokens', true],
    ['all', true],
  ] as const)('its OAuth2 token where it says %s: %s', async (forward_authorization, isThere) => {
    await serve({ forward_authorization })
    const { authorization } = await service.as('bob')

    const { headers } = await forwarded([`Authorization: ${authorization}`])
    await serve()

    expect(headers.authorization).toBe(isThere ? authorization : undefined)
  })

  test.each(['Apikey', 'Bearer'])('never a key that came as %s', async (scheme) => {
    await serve({ forward_authorization: 'all' })

    const { headers } = await forwarded([`Authorization: ${scheme} ${key.value}`])
    await serve()

    expect(headers).not.toHaveProperty('authorization')
  })

  test('no header that its connection names, nor those of connections', async () => {
    const { headers } = await forwarded([
      'Connection: X-Hop, keep-alive, Latchkey-Subject',
      'X-Hop: hop-9f',
      'Keep-Alive: timeout=5',
      'Proxy-Authorization: Basic hop-9f',
      'Proxy-Connection: keep-alive',
      'TE: trailers, deflate',
    ])

    expect(JSON.stringify(headers)).not.toContain('hop-9f')
    expect(headers).not.toHaveProperty('keep-alive')
    expect(headers).not.toHaveProperty('te')
    expect(headers).not.toHaveProperty('proxy-connection')
    expect(headers['latchkey-login']).toBe('alice')
    expect(headers['latchkey-subject']).not.toBe('')
  })

  test('its key in the URL neither in the URL nor elsewhere, and the answer leads nowhere with it', async () => {
    await serve({ accept: { query: true, cookie: true, basic: true } })

    const response = await requestRaw(ports(service), [`GET /echo/a?b=1&api_key=${key.value}&c HTTP/1.1`])
    await serve()

    expect(response.json.url).toBe('/a?b=1&c')
    expect(response.body).not.toContain(key.value)
    expect(response.header('referrer-policy')).toEqual(['no-referrer'])
    expect(service.log.join('')).not.toContain(key.value)
  })

  test('its key in the URL where nobody takes it there: then it is no credential', async () => {
    const response = await requestRaw(ports(service), [`GET /echo/a?api_key=${key.value} HTTP/1.1`])

    expect(response.status).toBe(401)
    expect(service.log.join('')).not.toContain(key.value)
  })
})

describe('a service is told the way', () => {
  const claims = [
    'X-Forwarded-For: 192.0.2.1',
    'X-Forwarded-Host: claimed.example',
    'X-Forwarded-Proto: https',
    'X-Forwarded-Prefix: /claimed',
    'X-Forwarded-Port: 1',
    'X-Real-IP: 192.0.2.1',
    'X_Forwarded_For: 192.0.2.1',
    'Forwarded: for=192.0.2.1',
  ]

  test('from the connection alone, whatever a client claims', async () => {
    const { headers } = await forwarded(claims)
    const host = `127.0.0.1:${ports(service)}`

    expect(headers).toMatchObject({
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-host': host,
      'x-forwarded-proto': 'http',
      'x-forwarded-prefix': '/echo',
      forwarded: `for=127.0.0.1;host="${host}";proto=http`,
      host: new URL(upstream.url).host,
    })
    expect(JSON.stringify(headers)).not.toMatch(/192\.0\.2\.1|claimed/)
    expect(headers).not.toHaveProperty('x-forwarded-port')
    expect(headers).not.toHaveProperty('x-real-ip')
  })

  test('behind what a trusted proxy tells of it', async () => {
    const { headers } = await forwarded(claims, { from: trusting })

    expect(headers).toMatchObject({
      'x-forwarded-for': '192.0.2.1, 127.0.0.1',
      'x-forwarded-host': 'claimed.example',
      'x-forwarded-proto': 'https',
      'x-forwarded-prefix': '/claimed/echo',
      'x-real-ip': '192.0.2.1',
    })
    expect(headers.forwarded).toMatch(/^for=192\.0\.2\.1, for=127\.0\.0\.1;host=/)
    expect(headers).not.toHaveProperty('x_forwarded_for')
  })

  test.each(['evil"; for=1', 'a,<script>', 'a b', ''])(
    'by its Host, where a trusted proxy passes on what is no host: %j',
    async (claimed) => {
      const { headers } = await forwarded([`X-Forwarded-Host: ${claimed}`], { from: trusting })

      expect(headers['x-forwarded-host']).toMatch(/^127\.0\.0\.1:\d+$/)
    },
  )

  test.each(['https', 'HTTPS, http', 'http', 'wss'])(
    'by the scheme of a trusted proxy: %s',
    async (claimed) => {
      const { headers } = await forwarded([`X-Forwarded-Proto: ${claimed}`], { from: trusting })

      expect(headers['x-forwarded-proto']).toBe(claimed)
    },
  )

  test.each(['javascript', 'https://evil.example/?', 'https, ftp', 'http http', '"https"', ''])(
    'by its own scheme, where a trusted proxy passes on what is none: %j',
    async (claimed) => {
      const { headers } = await forwarded([`X-Forwarded-Proto: ${claimed}`], { from: trusting })

      expect(headers['x-forwarded-proto']).toBe('http')
    },
  )

  test.each([
    ['/claimed', '/claimed/echo'],
    ['/a/b.c-d_e~f/', '/a/b.c-d_e~f/echo'],
    ['/', '/echo'],
    ['', '/echo'],
  ])('below the prefix of a trusted proxy: %j', async (claimed, told) => {
    const { headers } = await forwarded([`X-Forwarded-Prefix: ${claimed}`], { from: trusting })

    expect(headers['x-forwarded-prefix']).toBe(told)
  })

  test.each([
    ...[
      '//evil.example',
      'evil',
      'https://evil.example',
      '/a//b',
      '/../a',
      '/a/..',
      '/a\\b',
      '/%2Fevil',
      '/a?b',
    ],
    ...['/a#b', '/a;b', '/a, /b', '/a"b', '/<script>', '/a b'],
  ])('by its own prefix, where a trusted proxy passes on what is no plain path: %j', async (claimed) => {
    const { headers } = await forwarded([`X-Forwarded-Prefix: ${claimed}`], { from: trusting })

    expect(headers['x-forwarded-prefix']).toBe('/echo')
  })

  test('without a prefix where it sees all of the path', async () => {
    await serve({ strip_prefix: false })

    const { headers } = await forwarded([])
    await serve()

    expect(headers).not.toHaveProperty('x-forwarded-prefix')
  })
})

describe('a client gets of a service', () => {
  const answered = async (sent: typeof answer, lines: string[] = []) => {
    answer = sent
    return requestRaw(ports(service), ['GET /answer HTTP/1.1', `X-API-Key: ${key.value}`, ...lines])
  }

  test('its cookies, but none of this product', async () => {
    const response = await answered({
      'Set-Cookie': [
        'a=1; Path=/',
        'latchkey_session=evil; Path=/',
        ' latchkey_session=evil',
        '=latchkey_session=evil',
        'latchkey_login_x=evil',
      ],
    })

    expect(response.header('set-cookie')).toEqual(['a=1; Path=/'])
  })

  test('no word that clears the cookies of the site', async () => {
    const response = await answered({ 'Clear-Site-Data': '"cookies"', 'X-Other': 'a' })

    expect(response.header('clear-site-data')).toEqual([])
    expect(response.header('x-other')).toEqual(['a'])
  })

  test('no word of its connection', async () => {
    const response = await answered({
      ...{ Connection: ['X-Hop', 'X-Leap'], 'X-Hop': 'a', 'X-Leap': 'b' },
      'Keep-Alive': 'timeout=99',
    })

    expect(response.header('x-hop')).toEqual([])
    expect(response.header('x-leap')).toEqual([])
    expect(response.header('keep-alive')).toEqual([])
    expect(response.header('connection')).toEqual(['close'])
  })

  test('nothing that only the gateway may say', async () => {
    const response = await answered({
      'X-Request-Id': 'forged',
      'X-Api-Key-Expires-At': 'forged',
      'Otoroshi-Daily-Calls-Remaining': 'forged',
      'Otoroshi-Proxy-Latency': 'forged',
    })

    expect(JSON.stringify(response.headers)).not.toContain('forged')
    expect(response.header('x-request-id')).toHaveLength(1)
    expect(response.header('otoroshi-proxy-latency')).toHaveLength(1)
  })

  test('its own word on caching; without one, no cache that others read may keep it', async () => {
    const told = await answered({ 'Cache-Control': 'public, max-age=60' })
    const silent = await answered({})

    expect(told.header('cache-control')).toEqual(['public, max-age=60'])
    expect(silent.header('cache-control')).toEqual(['private'])
  })

  test('its own rules for pages, and none of the gateway', async () => {
    const response = await answered({ 'Content-Security-Policy': "script-src 'self'" })

    expect(response.header('content-security-policy')).toEqual(["script-src 'self'"])
    expect(response.header('x-frame-options')).toEqual([])
    expect(response.header('strict-transport-security')).toEqual([])
  })
})

describe('a preflight', () => {
  const ask = (path: string) =>
    requestRaw(ports(service), [
      `OPTIONS ${path} HTTP/1.1`,
      'Origin: https://portal.example',
      'Access-Control-Request-Method: PUT',
      'Access-Control-Request-Headers: x-api-key',
    ])

  test("is forwarded as nobody's", async () => {
    const response = await ask('/echo/a')

    expect(response.json.headers).toMatchObject({
      origin: 'https://portal.example',
      'access-control-request-method': 'PUT',
      'latchkey-subject': '',
      'latchkey-login': '',
    })
  })

  test('brings neither a key in its URL nor a credential along', async () => {
    await serve({ accept: { query: true, cookie: true, basic: true }, forward_authorization: 'all' })

    const response = await requestRaw(ports(service), [
      `OPTIONS /echo/a?api_key=${key.value}&b HTTP/1.1`,
      'Origin: https://portal.example',
      'Access-Control-Request-Method: PUT',
      'Authorization: Bearer some.long.token',
      'Cookie: access_token=some.long.token',
    ])
    await serve()

    expect(response.json.url).toBe('/a?b')
    expect(response.body).not.toContain('some.long.token')
    expect(response.body).not.toContain(key.value)
  })

  test('is answered here where the service says so, and no cookie may come along', async () => {
    await serve({ preflight: 'answer' })

    const response = await ask('/echo/a')
    await serve()

    expect(response.status).toBe(204)
    expect(response.header('access-control-allow-origin')).toEqual(['https://portal.example'])
    expect(response.header('access-control-allow-methods')).toEqual(['PUT'])
    expect(response.header('access-control-allow-headers')).toEqual(['x-api-key'])
    expect(response.header('access-control-allow-credentials')).toEqual([])
    expect(response.header('vary')[0]).toContain('Origin')
  })

  test('is refused where the service says so', async () => {
    await serve({ preflight: 'refuse' })

    const response = await ask('/echo/a')
    await serve()

    expect(response.status).toBe(403)
    expect(response.header('access-control-allow-origin')).toEqual([])
  })

  test('is none without the question, or with a body: then it needs a credential', async () => {
    const plain = await requestRaw(ports(service), [
      'OPTIONS /echo HTTP/1.1',
      'Origin: https://portal.example',
    ])
    const withBody = await requestRaw(
      ports(service),
      [
        'OPTIONS /echo HTTP/1.1',
        'Origin: https://portal.example',
        'Access-Control-Request-Method: PUT',
        'Content-Length: 1',
      ],
      'a',
    )

    expect([plain.status, withBody.status]).toEqual([401, 401])
  })
})
