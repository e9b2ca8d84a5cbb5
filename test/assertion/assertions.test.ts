import { generateKeyPair, jwtVerify } from 'jose'
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Assertions, createAssertions } from '../../src/assertion/assertions.js'
import type { Signer } from '../../src/assertion/keyring.js'
import type { Principal } from '../../src/auth/types.js'
import { aPrincipal } from './world.js'

const start = Date.parse('2026-11-21T12:00:00Z')

let pair: Awaited<ReturnType<typeof generateKeyPair>>
let now: number
let signer: Signer | null
let assertions: Assertions
beforeAll(async () => {
  pair = await generateKeyPair('ES256')
})
beforeEach(() => {
  now = start
  signer = { kid: 'key-1', key: pair.privateKey }
  assertions = createAssertions({
    prefix: 'Latchkey',
    issuer: 'https://keys.example.test',
    keyring: { signer: () => signer },
    clock: () => now,
  })
})

const assertionOf = async (principal: Principal, service = 'catalogue') =>
  (await assertions.headersFor(principal, service))['Latchkey-Assertion'] ?? 'no header'
const verify = (assertion: string, options: { audience?: string; at?: number } = {}) =>
  jwtVerify(assertion, pair.publicKey, {
    issuer: 'https://keys.example.test',
    audience: options.audience ?? 'catalogue',
    typ: 'assertion+jwt',
    algorithms: ['ES256'],
    currentDate: new Date(options.at ?? now),
  })

test('an assertion says what the headers say, for one service and a minute', async () => {
  const headers = await assertions.headersFor(aPrincipal(), 'catalogue')

  const { payload, protectedHeader } = await verify(headers['Latchkey-Assertion'] ?? '')
  expect(protectedHeader).toEqual({ alg: 'ES256', kid: 'key-1', typ: 'assertion+jwt' })
  expect(payload).toEqual({
    iss: 'https://keys.example.test',
    aud: 'catalogue',
    sub: 'alice-id',
    iat: start / 1000,
    exp: start / 1000 + 60,
    login: 'alice',
    kind: 'user',
    via: 'api-key',
    key_id: 'Zk3vQ9aB',
    roles: ['reader', 'group:/space/ops'],
    scopes: ['reader'],
    config: { max: 3 },
  })
  expect(headers).toMatchObject({
    'Latchkey-Login': 'alice',
    'Latchkey-Roles': 'reader group:/space/ops',
  })
})

test('an assertion for one service is refused by another, and after its minute by all', async () => {
  const assertion = await assertionOf(aPrincipal())

  await expect(verify(assertion, { audience: 'processing' })).rejects.toThrow('aud')
  await expect(verify(assertion, { at: start + 60_000 })).rejects.toThrow('exp')
})

test('calls of one caller to one service share an assertion for half a minute, and get it at once', async () => {
  const principal = aPrincipal()
  const first = await assertions.headersFor(principal, 'catalogue')

  now = start + 19_999

  expect(assertions.headersFor(principal, 'catalogue')).toBe(first)
  expect(Object.isFrozen(first)).toBe(true)
})

test('another service, another caller and the same one anew each get their own', async () => {
  const principal = aPrincipal()
  const own = await assertionOf(principal)

  const others = [
    await assertionOf(principal, 'processing'),
    await assertionOf(aPrincipal({ subject: 'bob-id' })),
    await assertionOf(aPrincipal({ scopes: [] })),
  ]

  expect(new Set([own, ...others]).size).toBe(4)
})

test('after half a minute an assertion is not sent any more', async () => {
  const principal = aPrincipal()
  const first = await assertionOf(principal)

  now = start + 30_000
  const answer = assertions.headersFor(principal, 'catalogue')

  expect(answer).toBeInstanceOf(Promise)
  expect((await answer)['Latchkey-Assertion']).not.toBe(first)
})

test('a caller who goes on calling never waits: the next assertion is made before it is needed', async () => {
  const principal = aPrincipal()
  const first = await assertions.headersFor(principal, 'catalogue')
  now = start + 20_000
  const sentMeanwhile = assertions.headersFor(principal, 'catalogue')

  await expect.poll(() => assertions.headersFor(principal, 'catalogue')).not.toBe(first)

  now = start + 30_000
  expect(sentMeanwhile).toBe(first)
  expect(assertions.headersFor(principal, 'catalogue')).not.toBeInstanceOf(Promise)
})

test('a hundred first calls at once wait for one signature', async () => {
  const principal = aPrincipal()

  const answers = await Promise.all(
    Array.from({ length: 100 }, () => assertions.headersFor(principal, 'catalogue')),
  )

  expect(new Set(answers).size).toBe(1)
})

describe('an assertion ends with the key or token behind it', () => {
  test('and not later', async () => {
    const assertion = await assertionOf(aPrincipal({ expiresAt: start + 12_900 }))

    const { payload } = await verify(assertion)
    expect(payload.exp).toBe(start / 1000 + 12)
  })

  test('and is not sent again from then on', async () => {
    const principal = aPrincipal({ expiresAt: start + 12_000 })
    await assertionOf(principal)

    now = start + 12_000

    expect(assertions.headersFor(principal, 'catalogue')).toBeInstanceOf(Promise)
  })
})

test('a clock that is set back makes a new assertion, instead of lengthening the old one', async () => {
  const principal = aPrincipal()
  await assertionOf(principal)

  now = start - 3_600_000

  const { payload } = await verify(await assertionOf(principal))
  expect(payload.exp).toBe(start / 1000 - 3600 + 60)
})

test('where there is nothing to sign with, the header is there and empty, and the others are not', async () => {
  signer = null

  const headers = assertions.headersFor(aPrincipal(), 'catalogue')

  expect(headers).toMatchObject({ 'Latchkey-Subject': 'alice-id', 'Latchkey-Assertion': '' })
})

test('as soon as there is a key again, what is sent is signed with it', async () => {
  const principal = aPrincipal()
  signer = null
  await assertionOf(principal)

  signer = { kid: 'key-2', key: pair.privateKey }

  const { protectedHeader } = await verify(await assertionOf(principal))
  expect(protectedHeader.kid).toBe('key-2')
})

test('where nobody had to say who they are, the assertion is empty as well', () => {
  const headers = assertions.headersFor(null, 'catalogue')

  expect(headers).toHaveProperty('Latchkey-Assertion', '')
  expect(Object.values(headers).join('')).toBe('')
})

test('a signature that fails is told, and tried again for the next call', async () => {
  const principal = aPrincipal()
  signer = { kid: 'key-1', key: pair.publicKey }
  await expect(assertions.headersFor(principal, 'catalogue')).rejects.toThrow()

  signer = { kid: 'key-1', key: pair.privateKey }

  await expect(verify(await assertionOf(principal))).resolves.toBeDefined()
})

test.each([
  ['a thousand long roles', Array.from({ length: 1000 }, (_, at) => `client-of-a-platform:role/${at}`), {}],
  ['a thousand short ones', Array.from({ length: 1000 }, (_, at) => `${at}`), {}],
  ['roles of another script', Array.from({ length: 1000 }, (_, at) => `役割-${at}`), {}],
  [
    'the largest config beside',
    Array.from({ length: 1000 }, (_, at) => `r${at}`),
    { text: 'x'.repeat(4085) },
  ],
])('with %s all headers together leave 1.5 KB of the usual 16 to the request', async (_, roles, config) => {
  const headers = await assertions.headersFor(aPrincipal({ roles, scopes: roles, config }), 'catalogue')

  const bytes = Object.entries(headers).reduce(
    (sum, [name, value]) => sum + `${name}: ${value}\r\n`.length,
    0,
  )
  expect(bytes).toBeLessThan(16_384 - 1_536)
  const { payload } = await verify(headers['Latchkey-Assertion'] ?? '')
  const decode = (list: string | undefined) => list?.split(' ').filter(Boolean).map(decodeURIComponent)
  expect(payload.scopes).toEqual(decode(headers['Latchkey-Scopes']))
  expect(payload.roles).toEqual(decode(headers['Latchkey-Roles']))
})
