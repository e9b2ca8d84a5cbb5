import fc from 'fast-check'
import { createRemoteJWKSet, decodeJwt, jwtVerify, SignJWT } from 'jose'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { requestRaw } from '../support/raw-http.js'
import { type CreatedKey, startService, type TestService } from '../support/service.js'
import { setServices } from '../support/services.js'
import { startUpstream, type Upstream } from '../support/upstream.js'
import { linkSecret, makeLink, tokenOf } from './links.js'

vi.setConfig({ testTimeout: 120_000 })

let upstream: Upstream
let service: TestService
let key: CreatedKey
let token: string

beforeAll(async () => {
  upstream = await startUpstream()
  service = await startService(linkSecret, { hasGateway: true })
  await setServices(service, { id: 'echo', target: upstream.url, accept: { query: true } })
  key = await service.createKey('alice')
  token = tokenOf(await makeLink(service, key, '/echo/tiles'))
})
beforeEach(() => {
  upstream.seen.length = 0
})
afterAll(async () => {
  await service.close()
  await upstream.close()
})

const ask = (target: string, lines: string[] = []) =>
  requestRaw(Number(new URL(service.gatewayUrl).port), [`GET ${target} HTTP/1.1`, ...lines])
const base64url = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

/** Another character in its place; of the last one of a part, one that means other bits. */
const change = (text: string, at: number) => {
  const digit = base64url.indexOf(text[at] ?? '')
  const other = digit === -1 ? 'A' : base64url[(digit + 16) % 64]
  return text.slice(0, at) + other + text.slice(at + 1)
}

test('a link of which any character was changed opens nothing', async () => {
  const last = token.length - 1
  const targets = [
    ...Array.from(token, (_, at) => change(token, at)),
    ...Array.from(base64url.replace(token[last] ?? '', ''), (other) => token.slice(0, last) + other),
  ].map((one) => `/k/${one}/echo/tiles`)

  const statuses = new Set<number>()
  for (const target of targets) statuses.add((await ask(target)).status)

  expect([...statuses]).toEqual([401])
  expect(upstream.seen).toEqual([])
  expect((await ask(`/k/${token}/echo/tiles`)).status).toBe(200)
})

test('a link with more or less of it opens nothing', async () => {
  const [header, payload, signature] = token.split('.')
  const bent = [
    ...[token.slice(0, -1), `${token}A`, `A${token}`, `${token}.`, `${token}.${signature}`],
    ...[
      `${header}.${payload}.`,
      `${header}.${payload}`,
      `${header}..${signature}`,
      `.${payload}.${signature}`,
    ],
    ...[`${token}=`, `${token}%20`, token.toUpperCase(), `${token},${token}`, `Bearer%20${token}`],
  ]

  const answers = await Promise.all(bent.map((one) => ask(`/k/${one}/echo/tiles`)))

  expect(answers.map(({ status, json }) => [status, json?.code])).toEqual(
    bent.map(() => [401, 'invalid_credential']),
  )
  expect(upstream.seen).toEqual([])
})

test('a link is nothing but a link: no bearer token, no key, no JWT of a key, no cookie', async () => {
  const answers = await Promise.all([
    ask('/echo/tiles', [`Authorization: Bearer ${token}`]),
    ask('/echo/tiles', [`X-API-Key: ${token}`]),
    ask('/echo/tiles', [`Otoroshi-Token: ${token}`]),
    ask('/echo/tiles', [`Cookie: access_token=${token}`]),
    ask(`/echo/tiles?api_key=${token}`),
  ])
  const atHome = await service.inject({ url: '/me', headers: { authorization: `Bearer ${token}` } })

  expect([...answers, atHome].map(({ status }) => status)).toEqual([401, 401, 401, 401, 401, 401])
  expect(upstream.seen).toEqual([])
})

test('a link is no assertion to a service, and an assertion is no link', async () => {
  const assertion = (await ask('/echo/tiles', [`X-API-Key: ${key.value}`])).json.headers['latchkey-assertion']
  const keys = createRemoteJWKSet(new URL(`${service.url}/.well-known/jwks.json`))
  const expected = { issuer: service.url, audience: 'echo', typ: 'assertion+jwt', algorithms: ['ES256'] }
  expect((await jwtVerify(assertion, keys, expected)).payload).toMatchObject({ key_id: key.id })

  const answer = await ask(`/k/${assertion}/echo/tiles`)

  expect([answer.status, answer.json.code]).toEqual([401, 'invalid_credential'])
  for (const lenient of [expected, { audience: 'echo' }, { typ: 'assertion+jwt' }, { issuer: service.url }]) {
    await expect(jwtVerify(token, keys, lenient)).rejects.toThrow()
  }
})

test('what keys and identity providers sign is no link', async () => {
  const signed = await new SignJWT({
    ...decodeJwt(token),
    iss: key.id,
  })
    .setProtectedHeader({ alg: 'HS256', typ: 'link+jwt' })
    .sign(new TextEncoder().encode(key.value.slice(-49)))
  const oauth2 = await service.token()

  const answers = await Promise.all([signed, oauth2].map((one) => ask(`/k/${one}/echo/tiles`)))

  expect(answers.map(({ status }) => status)).toEqual([401, 401])
  expect(upstream.seen).toEqual([])
})

describe('whatever path is written behind a link', () => {
  const piece = fc.constantFrom(
    ...[
      'echo',
      'tiles',
      'other',
      'a',
      'k',
      '',
      '.',
      '..',
      '...',
      '%2e',
      '%2E%2e',
      '.%2e',
      '..;',
      ';',
      '%2F',
      '..%2F',
    ],
    ...[
      '%2F..',
      '%5C',
      '..%5C',
      '%252e%252e',
      '%252F',
      'tiles%2F..',
      '%74iles',
      'tiles%00',
      '%C0%AE',
      '*',
      '~',
      ':',
    ],
  )
  const path = fc.array(piece, { maxLength: 8 }).map((pieces) => `/${pieces.join('/')}`)

  test('the service is asked for what lies below the link, or not at all', async () => {
    await fc.assert(
      fc.asyncProperty(path, async (behind) => {
        upstream.seen.length = 0

        const { status } = await ask(`/k/${token}${behind}`)

        expect([200, 400, 401, 403, 404]).toContain(status)
        expect(upstream.seen).toHaveLength(status === 200 ? 1 : 0)
        for (const { url } of upstream.seen) {
          // As a server reads it that decodes once, and before it looks for segments of dots.
          const read = new URL(
            decodeURIComponent(url)
              .replaceAll('\\', '/')
              .replace(/;[^/]*/g, ''),
            'http://a',
          )
          expect(url).toMatch(/^\/tiles(\/|$)/)
          expect(read.pathname).toMatch(/^\/tiles(\/|$)/)
        }
      }),
      { numRuns: 250, seed: 6 },
    )
  })

  test('below its folder, most of the time, it does get there', async () => {
    let passed = 0
    await fc.assert(
      fc.asyncProperty(path, async (behind) => {
        if ((await ask(`/k/${token}/echo/tiles/x/y/z${behind}`)).status === 200) passed += 1
      }),
      { numRuns: 100, seed: 6 },
    )

    expect(passed).toBeGreaterThan(15)
  })
})

describe('an address that tries many links', () => {
  let limited: TestService
  beforeAll(async () => {
    limited = await startService({ ...linkSecret, REFUSED_RATE_PER_MINUTE: '5' }, { hasGateway: true })
    await setServices(limited, { id: 'echo', target: upstream.url })
  })
  afterAll(() => limited.close())

  test('must wait, while a link that is in use goes on', async () => {
    const own = await limited.createKey('alice')
    const good = await makeLink(limited, own, '/echo')
    const fresh = await makeLink(limited, own, '/echo')
    expect((await fetch(good)).status).toBe(200)
    const forged = (at: number) =>
      fetch(good.replace(tokenOf(good), change(tokenOf(good), tokenOf(good).length - 1 - at)))

    const statuses: number[] = []
    for (let at = 0; at < 8; at++) statuses.push((await forged(at)).status)

    expect(statuses).toEqual([401, 401, 401, 401, 401, 429, 429, 429])
    expect((await fetch(good)).status).toBe(200)
    const waiting = await fetch(fresh)
    expect(waiting.status).toBe(429)
    expect(Number(waiting.headers.get('retry-after'))).toBeGreaterThan(0)
  })

  test('that have ended must wait too', async () => {
    limited.clock.advance(120_000)
    const own = await limited.createKey('alice')
    const ended = await Promise.all(
      Array.from({ length: 7 }, () => makeLink(limited, own, '/echo', { expires_in: 1 })),
    )
    limited.clock.advance(1000)

    const statuses: number[] = []
    for (const one of ended) statuses.push((await fetch(one)).status)

    expect(statuses).toEqual([401, 401, 401, 401, 401, 429, 429])
  })
})
