import { connect, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { administrator } from '../admin/world.js'
import { startService, type TestService } from '../support/service.js'
import { setServices } from '../support/services.js'
import { startUpstream, type Upstream } from '../support/upstream.js'

/** As much as a client may send of anything; Node takes 16 kB of a head, our own routes 64 kB of a body. */
const most = 64 * 1024
const headMost = 15_000
const allowedMs = 5
/** So long may the machine take to parse the longest body here, in ms; on a slower one more is allowed in proportion. */
const parsedWithinMs = 1.2

let service: TestService
let upstream: Upstream
beforeAll(async () => {
  upstream = await startUpstream(
    (request, response) => void request.resume().on('end', () => response.end('a')),
  )
  service = await startService(
    { TRUST_PROXY: '127.0.0.1', CORS_ORIGINS: 'https://portal.example' },
    { hasGateway: true },
  )
  await setServices(
    service,
    {
      id: 'open',
      target: upstream.url,
      public_paths: ['/a/*'],
      accept: { query: true },
      safe_posts: ['/s/*'],
    },
    { id: 'inner', prefix: '/open/Inner', target: upstream.url },
  )
})
afterAll(async () => {
  await Promise.all([service.close(), upstream.close()])
})

const repeat = (text: string, bytes: number) => text.repeat(Math.ceil(bytes / text.length)).slice(0, bytes)
const whole = (text: string, bytes: number) => text.repeat(Math.floor(bytes / text.length))
const base64url = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')

/** Bodies of 64 kB that cost a parser, a validator or the builder of an error more than others. */
const bodies: Record<string, string> = {
  'a deep list': `${repeat('[', most / 2)}${repeat(']', most / 2)}`,
  'a deep object': `${whole('{"a":', most - 2)}1`,
  'many members': `{${Array.from({ length: most / 12 }, (_, at) => `"m${at}":0`).join(',')}}`.slice(0, most),
  'many unknown members of a good body': `{"value":"lk_a","service":"x",${Array.from({ length: 5000 }, (_, at) => `"m${at}":0`).join(',')}}`,
  'a long value': JSON.stringify({ value: repeat('lk_', most - 20) }),
  'a value of slashes': JSON.stringify({ value: repeat('//', most - 20) }),
  'a JWT of many dots': JSON.stringify({ value: `ey${repeat('J.', most - 20)}` }),
  'a JWT of JWTs': JSON.stringify({ value: repeat('eyJhbGciOiJIUzI1NiJ9.', most - 20) }),
  'many scopes': JSON.stringify({ value: 'lk_a', scopes: Array.from({ length: 8000 }, (_, at) => `s${at}`) }),
  'many scopes that are no texts': `{"value":"lk_a","scopes":[${repeat('0,', most - 32)}0]}`,
  'as many unknown members as fit': `{"value":"lk_a"${Array.from({ length: 6000 }, (_, at) => `,"m${at}":0`).join('')}}`,
  'one scope many times': JSON.stringify({
    value: 'lk_a',
    scopes: Array.from({ length: 16_000 }, () => 'a'),
  }),
  'an address of colons': JSON.stringify({ value: 'lk_a', client_ip: repeat('::', most - 60) }),
  'a referer of dots': JSON.stringify({ value: 'lk_a', referer: `http://${repeat('a.', most - 60)}` }),
  'a long number': `{"value":${repeat('9', most - 12)}}`,
  escapes: `{"value":"${whole('\\u0061', most - 14)}"}`,
  'a form of many members': repeat('a=1&', most),
  'a form of escapes': `logout_token=${whole('%25', most - 14)}`,
  'a logout token': `logout_token=${repeat('eyJ.', most - 14)}`,
  brackets: repeat('a[]=1&', most),
}

/** Headers of 15 kB, each of which something reads. */
const heads: Record<string, string> = {
  'Basic of base64': `Authorization: Basic ${repeat('YTpi', headMost)}`,
  'Bearer of dots': `Authorization: Bearer ${repeat('e.', headMost)}`,
  'Bearer with a large header': `Authorization: Bearer ${base64url({ alg: 'RS256', kid: repeat('k', 9000), typ: 'JWT' })}.${base64url({ iss: 'x' })}.${repeat('A', 800)}`,
  'Bearer of a key-signed JWT': `Authorization: Bearer ${base64url({ alg: 'HS256' })}.${base64url({ iss: 'aaaaaaaa', x: repeat('y', 9000) })}.${repeat('A', 43)}`,
  'spaces after a scheme': `Authorization: Apikey ${repeat(' ', headMost)}a`,
  'a long key': `X-API-Key: lk_${repeat('a_', headMost)}`,
  'a key of its prefix': `X-API-Key: ${repeat('lk_', headMost)}`,
  'many cookies': `Cookie: ${repeat('a=1;', headMost)}`,
  'cookies of escapes': `Cookie: latchkey_session=${whole('%25', headMost)}`,
  'many sessions': `Cookie: ${repeat('latchkey_session=a.b; ', headMost)}`,
  'cookies of commas': `Cookie: a=${repeat('%61ccess%2Etokens,', headMost)}`,
  'many tokens in cookies': `Cookie: ${repeat('access_token=eyJ.a.b;', headMost)}`,
  'a prefixed pair': `Otoroshi-Client-Id: ${repeat('a', headMost / 2)}\r\nOtoroshi-Client-Secret: ${repeat('s', headMost / 2)}`,
  'many addresses': `X-Forwarded-For: ${repeat('127.0.0.1, ', headMost)}1`,
  'many other addresses': `X-Forwarded-For: ${repeat('::1,', headMost)}1`,
  'many hosts': `X-Forwarded-Host: ${repeat('a,', headMost)}a`,
  Forwarded: `Forwarded: ${repeat('for="[::1]";host=a,', headMost)}`,
  'many names': whole('Latchkey_A.B: c\r\n', headMost).trim(),
  'names with marks': whole('X~API!Key: c\r\n', headMost).trim(),
  Origin: `Origin: http://${repeat('a.', headMost)}`,
  Referer: `Referer: http://a/${repeat('k/', headMost)}`,
  Connection: `Connection: ${repeat('a,', headMost)}close`,
  Accept: `Accept: ${repeat('text/html;q=0.1,', headMost)}`,
  'Accept-Language': `Accept-Language: ${repeat('de,', headMost)}`,
  'a content type': `Content-Type: application/json;${repeat('a=b;', headMost)}`,
  'a user agent of keys': `User-Agent: ${repeat('lk_aaaaaaaa_', headMost)}`,
  'a user agent of JWTs': `User-Agent: ${repeat('eyJ.eyJ', headMost)}`,
}

/** Paths and queries of 15 kB. */
const urls: Record<string, string> = {
  'many members': `?${repeat('a=1&', headMost)}`,
  'keys of other names': `?${repeat('x=lk%5f&', headMost)}`,
  'many keys': `?${repeat('api_key=a&', headMost)}`,
  escapes: `?x=${whole('%25', headMost)}`,
  'a long member': `?api_key=lk_${repeat('a', headMost)}`,
  'slashes of a return': `?return_to=${repeat('/\\', headMost)}`,
  'a code and a state': `?code=${repeat('a', headMost / 2)}&state=${repeat('.', headMost / 2)}`,
  brackets: `?${repeat('a[b]=1&', headMost)}`,
}
const paths: Record<string, string> = {
  slashes: repeat('//', headMost),
  'parents that decode': `/a${whole('/%252e%252e', headMost)}`,
  'one of every reading': `/a/A//b;c%2Fd%5Ce%2541.${whole('/%2541', headMost)}`,
  parameters: `/a${repeat('/;', headMost)}`,
  escapes: `/a/${whole('%C3%A9', headMost)}`,
  nested: `/a/%${whole('25', headMost)}41`,
  capitals: `/a/${repeat('A', headMost)}`,
  dots: `/a/${repeat('.a', headMost)}`,
  spaces: `/a/${whole('%20', headMost)}`,
  'spaces around dots': `/a${whole('/%20..%20/a', headMost)}`,
  hosts: whole('//a', headMost),
  'dots at the end': `/a/${repeat('.', headMost)}`,
}

/** Sends it on a kept connection and waits for the whole head of the answer. */
function exchange(socket: Socket, bytes: string): Promise<string> {
  return new Promise((resolve) => {
    let answer = ''
    const read = (text: string) => {
      answer += text
      if (answer.includes('\r\n\r\n')) finish()
    }
    const finish = () => {
      socket.off('data', read).off('close', finish)
      resolve(answer)
    }
    socket.on('data', read).once('close', finish)
    socket.write(bytes, 'latin1')
  })
}

/** What an answer may cost on this machine now, in ms of CPU time. */
function measureAllowance(): number {
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < 5; round += 1) {
    const start = process.cpuUsage()
    JSON.parse(bodies['as many unknown members as fit'] as string)
    const { user, system } = process.cpuUsage(start)
    best = Math.min(best, (user + system) / 1000)
  }
  return allowedMs * Math.max(1, best / parsedWithinMs)
}

/**
 * Measures the CPU time of the process for one answer, in ms: the least of three rounds. A costly one is repeated,
 * because a collection of garbage or a busy machine may be the cause.
 */
async function costOf(
  origin: string,
  bytes: string,
): Promise<{ ms: number; status: number; isCostly: boolean }> {
  let best = Number.POSITIVE_INFINITY
  let status = 0
  let allowance = allowedMs
  for (let round = 0; round < 25 && (round < 3 || best >= allowance); round += 1) {
    if (round >= 3) allowance = Math.max(allowance, measureAllowance())
    const socket = connect(Number(new URL(origin).port), '127.0.0.1').setEncoding('latin1')
    socket.on('error', () => {})
    await new Promise((resolve) => socket.once('connect', resolve))
    const start = process.cpuUsage()
    const answer = await exchange(socket, bytes)
    const { user, system } = process.cpuUsage(start)
    socket.destroy()
    best = Math.min(best, (user + system) / 1000)
    status = Number(answer.split(' ')[1])
  }
  return { ms: best, status, isCostly: best >= allowance }
}

const request = (method: string, target: string, lines: string[] = [], body = '') =>
  [
    ...[`${method} ${target} HTTP/1.1`, 'Host: a', ...lines, `Content-Length: ${Buffer.byteLength(body)}`],
    ...['', body],
  ].join('\r\n')

/** Every operation that is documented, and those that are not. */
function listOperations(): [method: string, path: string][] {
  const { paths: documented } = service.app.swagger() as { paths: Record<string, Record<string, unknown>> }
  const known = Object.entries(documented).flatMap(([path, item]) =>
    Object.keys(item).map(
      (method) => [method.toUpperCase(), path.replace(/\{[^}]+\}/g, 'a')] as [string, string],
    ),
  )
  const hidden = [
    '/',
    '/docs',
    '/docs/json',
    '/docs/services.json',
    '/docs/services/a.json',
    '/auth/login',
    '/auth/callback',
  ]
    .concat([
      '/auth/session',
      '/health/live',
      '/health/ready',
      '/nowhere',
      '/.well-known/oauth-protected-resource',
    ])
    .map((path) => ['GET', path] as [string, string])
  return [
    ...known,
    ...hidden,
    ['POST', '/auth/logout'],
    ['POST', '/auth/backchannel-logout'],
    ['OPTIONS', '/api-keys'],
  ]
}

async function findCostly(
  attempts: [name: string, origin: string, bytes: string][],
): Promise<{ costly: string[]; statuses: Set<number> }> {
  const costly: string[] = []
  const statuses = new Set<number>()
  for (const [name, origin, bytes] of attempts) {
    const { ms, status, isCostly } = await costOf(origin, bytes)
    statuses.add(status)
    if (isCostly) costly.push(`${name}: ${ms.toFixed(1)} ms (${status})`)
    if (status >= 500 && status !== 503) costly.push(`${name}: ${status}`)
  }
  return { costly, statuses }
}

describe('an answer to hostile input takes less than 5 ms of the event loop', {
  timeout: 300_000,
}, () => {
  test('whatever the body of a route is', async () => {
    const attempts = listOperations()
      .filter(([method]) => method !== 'GET' && method !== 'HEAD')
      .flatMap(([method, path]) =>
        Object.entries(bodies).map(([name, body]) => {
          const type = /^[a-z]+[[=]/.test(body) ? 'application/x-www-form-urlencoded' : 'application/json'
          const bytes = request(method, path, [`Content-Type: ${type}`], body.slice(0, most))
          return [`${method} ${path}, ${name}`, service.url, bytes] as [string, string, string]
        }),
      )

    const { costly, statuses } = await findCostly(attempts)

    expect(costly).toEqual([])
    expect(statuses).toContain(400)
  })

  test('whatever the headers and the query of a route are', async () => {
    const attempts = listOperations().flatMap(([method, path], at) => {
      // Every header of every fourth route, and every fourth header of the others: what reads them is the same code.
      const lines = Object.entries(heads).filter((_, index) => at % 4 === 0 || (index + at) % 4 === 0)
      return [
        ...lines.map(([name, line]) => [
          `${method} ${path}, ${name}`,
          service.url,
          request(method, path, [line]),
        ]),
        ...Object.entries(urls)
          .filter((_, index) => at % 4 === 0 || (index + at) % 4 === 0)
          .map(([name, query]) => [
            `${method} ${path}, query: ${name}`,
            service.url,
            request(method, path + query),
          ]),
      ] as [string, string, string][]
    })

    const { costly, statuses } = await findCostly(attempts)

    expect(costly).toEqual([])
    expect(statuses).toContain(401)
  })

  test('also with a credential, where texts are read and lists are compared', async () => {
    const lines = [
      `Authorization: Bearer ${await service.token(administrator)}`,
      'Content-Type: application/json',
    ]
    const headers = whole(`${'eyJ'.repeat(100)}.`, headMost)
    const attempts = [
      ['a name of headers', '/api-keys', { name: `${headers}a.b` }],
      ['a note of headers', '/api-keys', { name: 'x', note: `${headers.slice(0, 8428)}a.b` }],
      [
        'kinds that differ',
        '/admin/services',
        { access: { kinds: Array.from({ length: 10_000 }, (_, at) => at) } },
      ],
    ].map(([name, path, body]): [string, string, string] => [
      String(name),
      service.url,
      request('POST', String(path), lines, JSON.stringify(body)),
    ])

    const { costly, statuses } = await findCostly(attempts)

    expect(costly).toEqual([])
    expect([...statuses]).toEqual([400])
  })

  test('whatever comes to the gateway', async () => {
    const to = (path: string, lines: string[] = [], method = 'GET') => request(method, path, lines)
    const attempts: [string, string][] = [
      ...Object.entries(paths).map(
        ([name, path]) => [`path: ${name}`, to(`/open${path}`)] as [string, string],
      ),
      ...Object.entries(paths).map(
        ([name, path]) => [`link: ${name}`, to(`/k/ey.a.b/open${path}`)] as [string, string],
      ),
      ...Object.entries(urls).map(
        ([name, query]) => [`query: ${name}`, to(`/open${query}`)] as [string, string],
      ),
      ...Object.entries(heads).map(([name, line]) => [name, to('/open', [line])] as [string, string]),
      ...Object.entries(heads).map(
        ([name, line]) => [`public: ${name}`, to('/open/a/b', [line])] as [string, string],
      ),
      ['a link of 15 kB', to(`/k/ey${repeat('a.', headMost)}/open`)],
      ['a path as a key', to(`/k/${repeat('lk_', headMost)}/open`)],
      ['a target of 15 kB', to(`http://${repeat('a.', headMost)}/open`)],
      ['a host of 15 kB', `GET /open HTTP/1.1\r\nHost: ${repeat('a.', headMost)}\r\n\r\n`],
      ['a head of 64 kB', to('/open', [`X-A: ${repeat('a', most)}`])],
      [
        'a preflight',
        to(
          '/open',
          ['Origin: https://a', `Access-Control-Request-Method: ${repeat('A', headMost)}`],
          'OPTIONS',
        ),
      ],
    ]

    const { costly, statuses } = await findCostly(
      attempts.map(([name, bytes]) => [name, service.gatewayUrl, bytes]),
    )

    expect(costly).toEqual([])
    expect(statuses).toContain(401)
  })
})
