import { inspect } from 'node:util'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { InvalidOptionError, Latchkey } from '../../src/client/index.js'
import {
  hangUp,
  json,
  page,
  type ScriptedService,
  secretKey,
  startScriptedService,
} from './scripted-service.js'

let service: ScriptedService
afterEach(async () => {
  vi.unstubAllEnvs()
  await service?.close()
})

const failureOf = (answer: Promise<unknown>) =>
  answer.then(
    () => 'no failure',
    (error: unknown) => error,
  )
/** All that a log would hold of it, with what is hidden and what caused it. */
const reveal = (thing: unknown) =>
  [inspect(thing, { depth: Infinity, showHidden: true }), String(thing), JSON.stringify(thing)].join('\n')

describe('a credential travels by https, or not beyond this machine', () => {
  test.each([
    'http://keys.example.org',
    'http://10.0.0.7:3000',
    'http://127.0.0.1.example.org',
    'http://localhost.example.org',
  ])('%s is refused', (url) => {
    expect(() => new Latchkey({ url, apiKey: secretKey })).toThrow('Keys and tokens travel by https')
    // A value that one asks about, or that is made, is as secret.
    expect(() => new Latchkey({ url, apiKey: null })).toThrow('Keys and tokens travel by https')
  })

  test.each([
    'https://keys.example.org/latchkey/',
    'http://127.0.0.1:3000',
    'http://127.1.2.3',
    'http://localhost:3000',
    'http://[::1]:3000',
    'http://keys.localhost',
  ])('%s is not', (url) => {
    expect(new Latchkey({ url, apiKey: secretKey })).toBeInstanceOf(Latchkey)
  })

  test('unless the program says that nobody listens on the way', () => {
    const options = { url: 'http://keys.internal', apiKey: secretKey }

    expect(new Latchkey({ ...options, allowInsecure: true })).toBeInstanceOf(Latchkey)
    expect(() => new Latchkey({ ...options, allowInsecure: false })).toThrow(TypeError)
  })

  test('an origin of a service is held to the same', () => {
    const options = { url: 'https://keys.example.org', apiKey: secretKey }

    expect(() => new Latchkey({ ...options, origins: ['http://services.example.org'] })).toThrow(
      'travel by https',
    )
  })
})

describe('what cannot be meant is refused when the client is made, without repeating it', () => {
  test.each([
    ['a URL that is none', { url: `keys/${secretKey}` }],
    ['another scheme', { url: `ftp://keys.example.org/${secretKey}` }],
    ['a user in the URL', { url: `https://${secretKey}@keys.example.org` }],
    ['a password in the URL', { url: `https://u:${secretKey}@keys.example.org` }],
    ['a query in the URL', { url: `https://keys.example.org?api_key=${secretKey}` }],
    ['a fragment in the URL', { url: `https://keys.example.org#${secretKey}` }],
    ['a key that no header can hold', { apiKey: `${secretKey}\n${secretKey}` }],
    ['a key that is typographically improved', { apiKey: `“${secretKey}”` }],
    ['an empty key', { apiKey: ' ' }],
    ['a token that no header can hold', { token: `${secretKey}\r\nx: y` }],
    ['a key and a token', { apiKey: secretKey, token: secretKey }],
  ])('%s', (_, options) => {
    const attempt = () => new Latchkey({ url: 'https://keys.example.org', ...options })

    expect(attempt).toThrow(InvalidOptionError)
    expect(attempt).not.toThrow(secretKey)
  })

  test('a key that was read from a file is taken without its line end', async () => {
    service = await startScriptedService(json({ login: 'alice' }))

    await service.connect({ apiKey: `${secretKey}\n` }).me()

    expect(service.seen[0]?.headers['x-api-key']).toBe(secretKey)
  })
})

describe('no credential is told', () => {
  test('by the client', () => {
    const byKey = new Latchkey({ url: 'https://keys.example.org', apiKey: secretKey })
    const byToken = new Latchkey({ url: 'https://keys.example.org', token: secretKey })

    expect(reveal(byKey)).not.toContain(secretKey)
    expect(reveal(byToken)).not.toContain(secretKey)
  })

  test.each([
    ['a refusal', json({ code: 'not_found', detail: 'x', requestId: 'r' }, 404)],
    ['a page', page(200)],
    ['a broken connection', hangUp],
  ])('by the failure that is %s', async (_, answer) => {
    service = await startScriptedService(answer)
    const client = service.connect()

    const failures = await Promise.all([
      failureOf(client.me()),
      failureOf(client.apiKeys.verify({ value: secretKey })),
    ])

    expect(failures.every((failure) => failure instanceof Error)).toBe(true)
    expect(failures.map(reveal).join('\n')).not.toContain(secretKey)
  })

  test('by what a source of tokens gives and no header can hold', async () => {
    service = await startScriptedService(json({ login: 'alice' }))

    const failure = await failureOf(service.connect({ apiKey: null, token: () => `${secretKey}\nx` }).me())

    expect(failure).toBeInstanceOf(TypeError)
    expect(reveal(failure)).not.toContain(secretKey)
    expect(service.seen).toHaveLength(0)
  })

  test('to where a redirect leads', async () => {
    const elsewhere = await startScriptedService(json({ login: 'mallory' }))
    service = await startScriptedService(
      (response) => void response.writeHead(307, { location: elsewhere.url }).end(),
    )

    const failure = await failureOf(service.connect().me())
    await elsewhere.close()

    expect(failure).toMatchObject({ code: 'unexpected_answer' })
    expect(elsewhere.seen).toHaveLength(0)
  })

  test('where none is wanted, though the environment has one', async () => {
    vi.stubEnv('LATCHKEY_API_KEY', secretKey)
    service = await startScriptedService(json({ valid: false }))

    await service.connect({ apiKey: null }).apiKeys.verify({ value: 'lk_x' })

    expect(JSON.stringify(service.seen)).not.toContain(secretKey)
  })
})

test('a source of tokens that fails ends the call with its own error, at once', async () => {
  service = await startScriptedService(json({ login: 'alice' }))
  const token = vi.fn(() => Promise.reject(new Error('Log in again')))

  const failure = await failureOf(service.connect({ apiKey: null, token }).me())

  expect(failure).toMatchObject({ message: 'Log in again' })
  expect(token).toHaveBeenCalledTimes(1)
  expect(service.seen).toHaveLength(0)
})

test('a service below a path is called below it', async () => {
  service = await startScriptedService(json({ items: [], next_cursor: null }))

  await service
    .connect({ url: `${service.url}/platform/keys//` })
    .apiKeys.list({ status: 'active' })
    .page({ limit: 3 })

  expect(service.seen[0]?.url).toBe('/platform/keys/api-keys?status=active&limit=3')
})
