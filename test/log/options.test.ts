import { createHash } from 'node:crypto'
import { Writable } from 'node:stream'
import Fastify from 'fastify'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { decodeFully, keepVisibleAscii } from '../../src/encoded-text.js'
import { loggerOptions } from '../../src/log/options.js'
import { createLineRedactor, redactUrl } from '../../src/log/redaction.js'
import { answerBrokenUrl } from '../../src/problems/broken-requests.js'
import { renderError } from '../../src/problems/render.js'
import { aValueOf } from '../keys/stored-rows.js'
import { type LoggedIn, logIn } from '../support/log-in.js'
import { requestRaw } from '../support/raw-http.js'
import { type CreatedKey, startService, type TestService } from '../support/service.js'
import { openWatchedDatabase, type WatchedDatabase } from '../support/watched-database.js'

let service: TestService
let db: WatchedDatabase
let key: CreatedKey
let unread: CreatedKey
let token: string
let session: LoggedIn
/** What must stand in no log line and no answer, in each form that it has. */
let secrets: string[]
beforeAll(async () => {
  db = await openWatchedDatabase()
  service = await startService({ LOG_LEVEL: 'trace' }, { db })
  key = await service.createKey('alice')
  unread = await service.createKey('alice')
  token = await service.token()
  session = await logIn(service, 'alice')
  secrets = [
    ...[key.value, unread.value].flatMap((value) => [value, value.slice(12), ...hashesOf(value)]),
    token,
    token.split('.')[2] ?? '',
    session.cookie.split('=')[1] ?? '',
    decodeURIComponent(session.cookie.split('=')[1] ?? '').split('.')[0] ?? '',
    's'.repeat(32),
    'c'.repeat(32),
  ]
})
afterAll(async () => {
  db.isDown = false
  await service.close()
})
beforeEach(() => {
  db.isDown = false
  service.clock.advance(2000)
})

function hashesOf(value: string): string[] {
  const hash = createHash('sha256').update(value).digest()
  return [hash.toString('hex'), hash.toString('base64'), hash.toString('base64url'), [...hash].join(',')]
}

function expectNoSecret(text: string) {
  for (const secret of secrets) expect(text).not.toContain(secret)
}

const everyWay = (): Record<string, string>[] => [
  { 'x-api-key': key.value },
  { authorization: `Apikey ${key.value}` },
  { authorization: `Bearer ${unread.value}` },
  { authorization: `Bearer ${token}` },
  { authorization: token },
  { authorization: key.value },
  { ...session },
]

describe('neither log nor answer holds a secret', () => {
  test('of calls that are answered or refused', async () => {
    for (const headers of everyWay()) {
      for (const url of [
        '/me',
        '/api-keys',
        '/nowhere',
        `/catalog/search?q=${key.value}`,
        '/catalog/%zz',
        `/api-keys/${key.value}`,
      ]) {
        const answer = await service.inject({ url, headers })
        // A page of the search echoes its own address: what was asked for there is what the caller sent as data.
        if (!url.includes('search')) expectNoSecret(answer.body + JSON.stringify(answer.headers))
      }
    }
    expectNoSecret(service.log.join(''))
  })

  test('while the database is down', async () => {
    db.isDown = true
    service.clock.advance(10_000)
    const statuses = []
    for (const headers of everyWay()) {
      const answer = await service.inject({ url: '/me', headers })
      statuses.push(answer.status)
      expectNoSecret(answer.body + JSON.stringify(answer.headers))
    }

    expect(statuses).toContain(503)
    expectNoSecret(service.log.join(''))
  })

  test('of a body that is broken or too large', async () => {
    for (const payload of [
      `{"name": "${key.value}`,
      JSON.stringify({ name: key.value, owner: token }),
      key.value.repeat(2000),
    ]) {
      const headers = { ...(await service.as('alice')), 'content-type': 'application/json' }
      const answer = await service.inject({ method: 'POST', url: '/api-keys', headers, payload })

      expect(answer.status).toBeGreaterThanOrEqual(400)
      expectNoSecret(answer.body)
    }
    expectNoSecret(service.log.join(''))
  })

  test('of what is no HTTP', async () => {
    const answer = await requestRaw(service.config.port, ['GET /me HTTP/1.1', `X-API-Key: ${key.value}\x01`])

    expectNoSecret(answer.body)
    expectNoSecret(service.log.join(''))
  })
})

test('the session says 503 and not 401 while the database is down', async () => {
  db.isDown = true
  const answer = await service.inject({ url: '/me', headers: { ...session } })

  expect(answer.status).toBe(503)
  expect(answer.json.code).toBe('unavailable')
  expect(answer.headers['retry-after']).toBe('5')
})

describe('a fault of the service', () => {
  const lines: string[] = []
  const stream = new Writable({
    write: (chunk, _encoding, done) => {
      lines.push(String(chunk))
      done()
    },
  })
  const app = Fastify({
    logger: { ...loggerOptions('info', 'lk'), stream },
    frameworkErrors: answerBrokenUrl,
  })
  app.setErrorHandler(renderError)
  app.get('/quotes', (request) => {
    throw new Error(`cannot read ${request.headers['x-api-key']} nor ${request.headers.authorization}`)
  })
  app.get('/logs', (request) => {
    request.log.info({ headers: request.headers, request: { headers: request.headers } }, request.url)
    throw Object.assign(new Error('x'), {
      headers: request.headers,
      cause: new Error(String(request.headers.authorization)),
    })
  })

  test.each(['/quotes', '/logs'])(
    'is answered without its text, and logged without the credentials that it quotes: %s',
    async (url) => {
      const own = {
        'otoroshi-client-secret': key.value.slice(-49),
        'otoroshi-token': token,
        'otoroshi-authorization': btoa(`${key.id}:${key.value.slice(-49)}`),
      }
      const headers = {
        ...{ 'x-api-key': key.value, authorization: `Bearer ${token}`, cookie: session.cookie },
        ...own,
      }
      const answer = await app.inject({ url: `${url}?api_key=${key.value}`, headers })

      expect(answer.statusCode).toBe(500)
      expect(answer.json()).toMatchObject({
        code: 'internal_error',
        detail: 'Something went wrong here. The request id finds it in the log.',
      })
      expect(answer.body).not.toMatch(/cannot read|stack|secrets\.test/)
      expectNoSecret(answer.body)
      expect(lines.join('')).toContain(answer.json().requestId)
      expect(lines.join('')).toContain('options.test')
      expectNoSecret(lines.join(''))
      for (const secret of Object.values(own)) expect(lines.join('')).not.toContain(secret)
    },
  )
})

test('a secret of ours is hidden without its prefix too, wherever it stands, and what is none is logged', () => {
  const redact = createLineRedactor('lk')
  const secret = key.value.slice(-49)
  for (const before of [
    '',
    ' ',
    '"',
    `${key.id}:`,
    `${key.id}%3A`,
    `${key.id}%253a`,
    '/',
    '\\n',
    '\\u0000',
    'a\\\\u005f',
  ])
    expect(redact(`x ${before}${secret} end`)).not.toContain(secret.slice(1))
  for (const encoding of ['base64', 'base64url'] as const)
    for (const pair of [
      `${key.id}:${secret}`,
      `moved.1:${secret}`,
      key.value,
      secret,
      `${key.id}:${secret}\n`,
    ]) {
      const encoded = Buffer.from(pair).toString(encoding)
      for (const before of ['', '/', '=', '\\n', 'ab', '%2F'])
        expect(redact(`x/${before}${encoded}/y`)).not.toContain(encoded.slice(4, 40))
    }
  for (const text of [
    createHash('sha256').update(secret).digest('hex'),
    createHash('sha256').update(secret).digest('hex').toUpperCase(),
    createHash('sha512').update(secret).digest('hex'),
    '6f1c5c0e-5a43-4a35-8a0f-0f1f7a6f5f0e',
    'a1'.repeat(64),
    'S2A_MSIL2A_20201231T101421_N0214_R022_T32TQM_20201231T121245.SAFE',
    'S1A_IW_RAW__0SDV_20201231T052653_20201231T052725_035930_04355E_9B29.SAFE/manifest.safe',
  ])
    expect(redact(`x ${text} end`)).toBe(`x ${text} end`)
})

describe('a path with most of a secret is logged without it', () => {
  const value = aValueOf('Zk3vQ9aB', 7)
  const secret = value.slice(-49)
  const [head, tail] = [secret.slice(0, 24), secret.slice(24)]
  const braced = (mark: string) => [...value].map((c) => `${mark}u{${c.charCodeAt(0).toString(16)}}`).join('')
  const references = [...value].map((c) => `&#${c.charCodeAt(0)};`).join('')

  test.each([
    ['behind its id, without its last character', `Zk3vQ9aB:${secret.slice(0, 48)}`],
    ['alone, without its last two', secret.slice(0, 47)],
    ['behind a prefix in capitals, without its first', `LK_Zk3vQ9aB_${secret.slice(1)}`],
    ['with another letter behind it', `Zk3vQ9aB:${secret}x`],
    ['with another letter before it', `x${secret}`],
    ['as quoted-printable writes it', `lk=5FZk3vQ9aB=5F${secret}`],
    ['in base64, without its last character', btoa(`Zk3vQ9aB:${secret.slice(0, 48)}`).replaceAll('=', '')],
    ['with an encoded blank in it', `note%20${head}%20${tail}`],
    ['with a plus in it', `${head}+${tail}`],
    ['with an encoded NUL in it', `${head}%00${tail}`],
    ['with an encoded zero-width space in it', `${head}%E2%80%8B${tail}`],
    ['with a zero-width space in it, as Node reads it', `${head}\u00e2\u0080\u008b${tail}`],
    ['behind its prefix and id, without most of it', `lk_Zk3vQ9aB_${secret.slice(0, 19)}`],
    ['behind its prefix in capitals, without most of it', `LK_Zk3vQ9aB_${secret.slice(0, 8)}`],
    ['in hex', Buffer.from(value).toString('hex')],
    ['in hex behind another digit', `a${Buffer.from(value).toString('hex')}`],
    ['in hex in capitals', Buffer.from(value).toString('hex').toUpperCase()],
    ['escaped as newer JavaScript does', braced('\\')],
    ['escaped with percent signs and braces', braced('%')],
    ['in references of HTML', references],
    ['in references of HTML without semicolons', references.replaceAll(';', '')],
    ['in references of references', references.replaceAll('&', '&#38;')],
  ])('%s', (_how, written) => {
    for (const url of [`/a/${written}/b`, `/a/x.${written}`, `/a?${written}`, `/a?x=${written}&y`]) {
      const line = createLineRedactor('lk')(JSON.stringify({ url: redactUrl(url) }))
      expect(line).toContain('[hidden]')
      expect(line).not.toContain(written)
      for (const text of [line, keepVisibleAscii(decodeFully(line) ?? '')])
        for (let at = 0; at < 42; at += 1) expect(text).not.toContain(secret.slice(at, at + 8))
      expect(() => JSON.parse(line)).not.toThrow()
    }
  })
})

test('a credential with escapes of JSON or HTML in a path is hidden', () => {
  const redact = createLineRedactor('lk')
  const [hex, tokenEnd] = [(c: string) => c.charCodeAt(0).toString(16), token.split('.')[2] ?? '']
  for (const write of [
    (c: string) => `\\u00${hex(c)}`,
    (c: string) => `\\x${hex(c)}`,
    (c: string) => `&#x${hex(c)};`,
    (c: string) => `%5Cu00${hex(c)}`,
    (c: string) => `\u00e2\u0080\u008b${c}`,
  ]) {
    for (const [value, secret] of [
      [key.value, key.value.slice(-49)],
      [token, tokenEnd],
    ] as const) {
      const line = redact(JSON.stringify({ url: redactUrl(`/a/${value.replace(/[_.]/g, write)}/b`) }))
      expect(line).not.toContain(secret)
    }
  }
})

test('a line of the log names the key by its id and hides the rest, wherever it stands', () => {
  const redact = createLineRedactor('lk')
  for (const before of ['', ' ', '"', '%20', '%3D', '=', 'x', '_', '/']) {
    expect(redact(`${before}${key.value} end`)).toBe(`${before}lk_${key.id}_[hidden] end`)
    expect(redact(`${before}${token} end`)).toBe(`${before}[hidden] end`)
  }
  expect(redact('authorization: Basic YTpiY2RlZmdo')).toBe('authorization: Basic [hidden]')
})

test.each([
  ['/a', '/a'],
  ['/a?b=c', '/a?b=c'],
  ['/a?api_key=x&b=c', '/a?api_key=[hidden]&b=c'],
  ['/a?b=c&API-KEY=x', '/a?b=c&API-KEY=[hidden]'],
  ['/a?api%5fkey=x', '/a?api%5fkey=[hidden]'],
  ['/a?api_key=x=y', '/a?api_key=[hidden]'],
  ['/a?api_key', '/a?api_key=[hidden]'],
  ['/a??api_key=x', '/a??api_key=[hidden]'],
  ['/a?ApiKey=x&x-api-key=x', '/a?ApiKey=[hidden]&x-api-key=[hidden]'],
  ['/auth/callback?code=x&state=y&iss=z', '/auth/callback?code=[hidden]&state=[hidden]&iss=z'],
  ['/dev-idp/realms/latchkey/device?user_code=x', '/dev-idp/realms/latchkey/device?user_code=[hidden]'],
  ['/a?%zz=1&token=x', '/a?%zz=1&token=[hidden]'],
  [
    '/a?refresh_token=x&id_token=x&client_secret=x&password=x',
    '/a?refresh_token=[hidden]&id_token=[hidden]&client_secret=[hidden]&password=[hidden]',
  ],
  ['/k/a-foreign-value/tiles?b=1', '/k/[hidden]/tiles?b=1'],
  ['/k/a-foreign-value', '/k/[hidden]'],
  ['/kk/a/tiles', '/kk/a/tiles'],
  ['//k/a-foreign-value/tiles', '//k/[hidden]/tiles'],
  ['/K/a-foreign-value', '/K/[hidden]'],
  ['/k;x/a-foreign-value/b', '/k;x/[hidden]/b'],
  ['/k%2fa-foreign-value/b', '/k/[hidden]/b'],
  ['/k%5Ca-foreign-value/b', '/k\\[hidden]/b'],
  ['/./k/./a-foreign-value', '/./k/./[hidden]'],
  ['/x/../k/y/../a-foreign-value', '/x/../k/[hidden]/../[hidden]'],
  ['/\u00EF\u00BC\u00AB/..;/k%09/a-foreign-value', '/\u00EF\u00BC\u00AB/..;/k%09/[hidden]'],
  ['http://h/k/a-foreign-value/x', 'http://h/k/[hidden]/x'],
  ['http://id:a-foreign-value@h/x', 'http://[hidden]@h/x'],
  ['/a;api_key=x/b', '/a;api_key=[hidden]/b'],
  ['/a?url=https%3A%2F%2Fh%2F%3Fapi_key%3Dx', '/a?url=[hidden]'],
  ['/cog/https%3A%2F%2Fh%2F%3Fapi_key%3Dx/1', '/cog/https://h/?api_key=[hidden]/1'],
  ['/cog/https%253A%252F%252Fid%253Ax%2540h%252F/1', '/cog/https://[hidden]@h//1'],
  ['/a?x=12345678&y=1234567&z', '/a?x=[hidden]&y=1234567&z'],
  ['/a?limit=50&cursor=eyJhIjoxfQ&status=expiring', '/a?limit=50&cursor=eyJhIjoxfQ&status=expiring'],
  [`/a?cursor=${'x'.repeat(32)}`, '/a?cursor=[hidden]'],
  ['/a?12345678', '/a?[hidden]'],
  ['/a?1234567', '/a?1234567'],
  [`/a?${'x'.repeat(31)}=`, '/a?[hidden]='],
  ['/a?12345678=1', '/a?[hidden]=1'],
  [
    '/a?return_to=/docs&datetime=2026-11-30&unused_since=1',
    '/a?return_to=/docs&datetime=[hidden]&unused_since=1',
  ],
  ['/a?x=0123456789abcdef;0123456789abcdef', '/a?x=[hidden]'],
  ['/a?api_key=Zk3vQ9aB:AAAA;123456789012345;123456789012345', '/a?api_key=[hidden]'],
  ['/a?x=Zk3;1234567;1234567', '/a?x=[hidden]'],
  ['/a?x;1234567;token=1&y=1', '/a?[hidden]&y=1'],
  ['/a?x=1;y=2&limit=5', '/a?x=1;y=2&limit=5'],
  ['/a?&#97;&#112;&#105;_key=x', '/a?api_key=[hidden]'],
  ['/a#access_token=x', '/a#access_token=[hidden]'],
  [
    `/${'a'.repeat(1000)}/${'b'.repeat(1000)}/${'c'.repeat(1000)}`,
    `/${'a'.repeat(1000)}/${'b'.repeat(1000)}/[cut]`,
  ],
])('the log tells %s as %s', (url, expected) => {
  expect(redactUrl(url)).toBe(expected)
})

describe('a credential under escapes is hidden', () => {
  const encodeAll = (text: string) => [...Buffer.from(text)].map((byte) => `%${byte.toString(16)}`).join('')
  const encodeTwice = (text: string) => encodeURIComponent(encodeAll(text))
  const encodings: [string, (text: string) => string][] = [
    ['one character', (text) => text.replace('_', '%5f')],
    ['one character in capital digits', (text) => text.replace('_', '%5F')],
    ['its first letter', (text) => `%${text.charCodeAt(0).toString(16)}${text.slice(1)}`],
    ['some of its characters', (text) => text.replace(/[aeiou_.13579]/g, encodeAll)],
    ['all of it', encodeAll],
    ['all of it twice', encodeTwice],
    ['all of it three times', (text) => encodeURIComponent(encodeTwice(text))],
    ['the digits of an escape', (text) => text.replace(/[_.]/g, (c) => `%%${c === '_' ? '35f' : '32e'}`)],
    [
      'ten times over',
      (text) => text.replace(/[_.]/g, (c) => `%${'25'.repeat(10)}${c === '_' ? '5f' : '2e'}`),
    ],
    ['in more bytes than needed', (text) => text.replace(/[_.]/g, (c) => (c === '_' ? '%c1%9f' : '%c0%ae'))],
    ['with line ends', (text) => text.replace(/[_.]/g, (c) => `${c}%0A`)],
    ['with characters that are not seen', (text) => text.replace(/[_.]/g, (c) => `%E2%80%8B${c}`)],
    ['with a plus', (text) => text.replace('_', '_+').replace('.', '%2e')],
    ['as IIS takes it', (text) => text.replace(/[_.]/g, (c) => `%u00${c === '_' ? '5F' : '2E'}`)],
  ]
  const credentials = () =>
    [
      ['a key', key.value, key.value.slice(12)],
      ['a token', token, token.split('.')[2] ?? ''],
    ] as const

  test.each(encodings)('%s', async (_what, encode) => {
    for (const [, value, secret] of credentials()) {
      const encoded = encode(value)
      for (const url of [
        `/nowhere?x=${encoded}`,
        `/nowhere?a=1&x=${encoded}&b=2`,
        `/nowhere?${encoded}`,
        `/api-keys/${encoded}`,
        `/catalog/${encoded}/items?q=1`,
        `/nowhere?next=${encodeURIComponent(`https://a.example/?q=${encoded}`)}`,
      ]) {
        const from = service.log.length
        await service.inject({
          url,
          headers: { 'user-agent': encoded, referer: `http://a.example/${encoded}` },
        })
        const lines = service.log.slice(from).join('')
        expect(lines).toContain('answered')
        expect(lines).not.toContain(encoded)
        expect(lines).not.toContain(secret)
        for (const line of service.log.slice(from)) expect(() => JSON.parse(line)).not.toThrow()
      }
    }
  })

  test.each([
    ['Bearer%20abcdefgh12345678', 'Bearer [hidden]'],
    ['Basic+YWxpY2U6c2VjcmV0', 'Basic [hidden]'],
    ['basic%2BYWxp%2FY2U6c2VjcmV0', 'basic [hidden]'],
    ['Bearer abc%5Fdefghijk', 'Bearer [hidden]'],
    ['apikey%2520abcdefgh%2522%250a', 'apikey [hidden]\\"\\n'],
  ])('behind its scheme: %s', (text, expected) => {
    expect(createLineRedactor('lk')(`{"url":"/x?y=${text}&z=%zz"}`)).toBe(`{"url":"/x?y=${expected}&z=%zz"}`)
  })

  test('of an operator', () => {
    const redact = createLineRedactor('lk', ['my-own-secret'])

    expect(redact('{"url":"/a?b=my%2down%2Dsecret"}')).toBe('{"url":"/a?b=[hidden]"}')
  })

  test.each(['/a?b=100%25&c=%C3%A9', '/a%20b/%zz?q=%', '/search?bbox=1%2C2%2C3', '/%E6%97%A5?x=%25u00'])(
    'and what is none stays as it was sent: %s',
    (url) => {
      expect(createLineRedactor('lk')(`{"url":"${url}"}`)).toBe(`{"url":"${url}"}`)
    },
  )

  test('what is never plain is hidden, in little time', () => {
    let deep = '_'
    for (let level = 0; level < 9; level += 1)
      deep = deep.replace(/[0-9a-z_]/, (c) => `%%3${c === '_' ? '5f' : c}`)
    const long = '%25'.repeat(20_000) + '%2'.repeat(20_000)

    const startedAt = performance.now()
    createLineRedactor('lk')(`{"url":"/a?b=${long}&c=${deep}"}`)

    expect(performance.now() - startedAt).toBeLessThan(500)
  })
})

test.each([
  ['/a?api%255fkey=x', '/a?api%255fkey=[hidden]'],
  ['/a?%61pi_key=x', '/a?%61pi_key=[hidden]'],
  ['/a?b=1;api_key=x', '/a?b=[hidden]'],
  ['/a?+token=x', '/a?+token=[hidden]'],
  ['/%6b/a-foreign-value/tiles', '/%6b/[hidden]/tiles'],
  ['/%256B/a-foreign-value', '/%256B/[hidden]'],
  ['/k/?api_key=x', '/k/?api_key=[hidden]'],
])('the log tells %s, whose name is encoded, as %s', (url, expected) => {
  expect(redactUrl(url)).toBe(expected)
})
