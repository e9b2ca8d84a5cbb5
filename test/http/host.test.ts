import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isHost } from '../../src/urls.js'
import { sendBytes } from '../support/raw-http.js'
import { type CreatedKey, startService, type TestService } from '../support/service.js'
import { setServices } from '../support/services.js'
import { startUpstream, type Upstream } from '../support/upstream.js'

let upstream: Upstream
let service: TestService
let key: CreatedKey

beforeAll(async () => {
  upstream = await startUpstream()
  service = await startService({}, { hasGateway: true })
  key = await service.createKey('alice')
  await setServices(service, { id: 'echo', target: upstream.url })
})
afterAll(async () => {
  await Promise.all([service.close(), upstream.close()])
})

const wrong = [
  ...[
    'a,b',
    'a, b',
    'a b',
    'evil"; for=1',
    '<script>',
    'evil/../x',
    '[::1',
    '::1',
    '[::1]x',
    '[]',
    '[::1%25eth0]',
  ],
  ...[
    'a:b',
    'a:',
    'a:70000',
    'a:1:2',
    ':80',
    'user@a',
    'a?b',
    'a#b',
    'a\\b',
    'a%20b',
    'caf\xe9',
    '',
    '.',
    '..',
    'a..b',
  ],
  ...[
    "'",
    'a;b',
    'a=b',
    '(a)',
    '[127.0.0.1]',
    '[1:2:3:4:5:6:7:8:9]',
    `${'a'.repeat(64)}.b`,
    'a.'.repeat(128),
  ],
].filter((host) => host !== 'a:')

describe('a request whose Host is no host is refused', () => {
  const ask = (origin: string, path: string, host: string) =>
    sendBytes(
      Number(new URL(origin).port),
      `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nX-API-Key: ${key.value}\r\nConnection: close\r\n\r\n`,
    )

  test.each(wrong)('by both servers: %j', async (host) => {
    const answers = [await ask(service.url, '/me', host), await ask(service.gatewayUrl, '/echo', host)]

    for (const answer of answers) {
      expect([answer.status, answer.json.code]).toEqual([400, 'invalid_request'])
      if (host.length > 3) expect(answer.body).not.toContain(host)
    }
    expect(upstream.seen).toEqual([])
  })

  test('where there are two', async () => {
    const answers = [
      await ask(service.url, '/me', 'a\r\nHost: b'),
      await ask(service.gatewayUrl, '/echo', 'a\r\nHost: a'),
    ]

    expect(answers.map(({ status }) => status)).toEqual([400, 400])
    expect(upstream.seen).toEqual([])
  })

  test.each(['a,b', '<script>', 'a:b', '[::1', 'u:p@h', 'a%20b'])(
    'in the target too, by both servers: http://%s/echo',
    async (host) => {
      const askFor = (origin: string, path: string) =>
        sendBytes(
          Number(new URL(origin).port),
          `GET http://${host}${path} HTTP/1.1\r\nHost: a\r\nX-API-Key: ${key.value}\r\nConnection: close\r\n\r\n`,
        )
      const answers = [await askFor(service.url, '/me'), await askFor(service.gatewayUrl, '/echo')]

      expect(answers.map(({ status }) => status)).toEqual([400, 400])
      expect(upstream.seen).toEqual([])
    },
  )

  test.each([
    'a',
    'a.example.org',
    'a.',
    'a_b',
    'A-1:80',
    '127.0.0.1:1',
    '[::1]',
    '[2001:db8::1]:443',
    '[::ffff:127.0.0.1]',
  ])('and no other: %s', async (host) => {
    upstream.seen.length = 0
    const answers = [await ask(service.url, '/me', host), await ask(service.gatewayUrl, '/echo', host)]

    expect(answers.map(({ status }) => status)).toEqual([200, 200])
    expect(upstream.seen[0]?.headers['x-forwarded-host']).toBe(host)
  })

  test('but none is needed in HTTP/1.0', async () => {
    const answer = await sendBytes(
      Number(new URL(service.gatewayUrl).port),
      `GET /echo HTTP/1.0\r\nX-API-Key: ${key.value}\r\n\r\n`,
    )

    expect(answer.status).toBe(200)
  })
})

test('a host holds nothing that another header could begin with', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...'aA1.-_:[]";, =/<>%@\\') }), (host) => {
      const unsafe = /["<>;,=/\\@% ]/.test(host)

      expect(unsafe && isHost(host)).toBe(false)
      if (isHost(host)) expect(URL.canParse(`http://${host}/`) || /[._-]/.test(host)).toBe(true)
    }),
    { numRuns: 2000 },
  )
})
