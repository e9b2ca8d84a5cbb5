import {
  CompactSign,
  createLocalJWKSet,
  exportJWK,
  generateKeyPair,
  type JWTVerifyGetKey,
  SignJWT,
} from 'jose'
import { beforeEach, describe, expect, test } from 'vitest'
import { createTokenVerifier, type TokenVerifierOptions } from '../../src/auth/bearer.js'
import type { Issuer } from '../../src/auth/issuer.js'

const url = 'https://login.example/realms/test'
const start = Date.UTC(2026, 10, 21, 12)
const startSeconds = start / 1000
const lifetimeSeconds = 300
const algorithms = ['RS256', 'PS256', 'ES256', 'EdDSA'] as const
/** One pair for each algorithm, and its name for the `kid`. */
const pairs = new Map(
  await Promise.all(algorithms.map(async (alg) => [alg as string, await generateKeyPair(alg)] as const)),
)
const requirePair = (alg: string) => {
  const pair = pairs.get(alg)
  if (pair === undefined) throw new Error(`No key for ${alg}`)
  return pair
}
const { publicKey } = requirePair('RS256')
const jwks = createLocalJWKSet({
  keys: await Promise.all(
    algorithms.map(async (alg) => ({ ...(await exportJWK(requirePair(alg).publicKey)), kid: alg, alg })),
  ),
})

let now: number
let waitSeconds: number
let refusals: string[]
let questions: number
beforeEach(() => {
  now = start
  waitSeconds = 0
  refusals = []
  questions = 0
})

/** The issuer as far as a check asks it: its keys, which come at once or not at all. */
const anIssuer = (keys: () => Promise<JWTVerifyGetKey>): Issuer => ({
  issuer: url,
  keys: () => {
    questions += 1
    return keys()
  },
  configuration: () => Promise.reject(new Error('A check needs no configuration')),
  isReachable: () => Promise.resolve(true),
})
const aVerifier = (options: Partial<TokenVerifierOptions> = {}) =>
  createTokenVerifier({
    issuer: anIssuer(() => Promise.resolve(jwks)),
    audiences: ['latchkey', 'api'],
    authorizedParties: ['portal'],
    refusals: { retryAfterSeconds: () => waitSeconds, count: (address) => refusals.push(address) },
    clock: () => now,
    ...options,
  })

const goodClaims = {
  iss: url,
  sub: 'alice-id',
  aud: 'latchkey',
  typ: 'Bearer',
  iat: startSeconds,
  exp: startSeconds + lifetimeSeconds,
  preferred_username: 'alice',
  realm_access: { roles: ['reader'] },
}
const aToken = (claims: Record<string, unknown> = {}, header: Record<string, unknown> = {}, alg = 'RS256') =>
  new SignJWT({ ...goodClaims, ...claims })
    .setProtectedHeader({ alg, kid: alg, typ: 'JWT', ...header })
    .sign(requirePair(alg).privateKey)
const check = async (verify: ReturnType<typeof aVerifier>, token: string) => await verify(token, '192.0.2.1')
const kindOf = async (token: string, verify = aVerifier()) => (await check(verify, token)).kind

describe('a token is accepted', () => {
  test.each<[string, Record<string, unknown>, Record<string, unknown>]>([
    ['of this audience', {}, {}],
    ['of this audience among others', { aud: ['x', 'api'] }, {}],
    ['of this audience, of an unknown client', { aud: 'api', azp: 'other' }, {}],
    ['of an authorised party, for nobody', { aud: undefined, azp: 'portal' }, {}],
    ['of an authorised party, for another API', { aud: ['account', 'x'], azp: 'portal' }, {}],
    ['of no type in the header', {}, { typ: undefined }],
    ['of a type in small letters', {}, { typ: 'jwt' }],
    ['that says its type in both places', {}, { typ: 'application/at+jwt' }],
    ['with a content type of its own', {}, { cty: 'json' }],
    ['with an end that is not whole', { exp: startSeconds + 0.25 }, {}],
    ['with the largest end there is', { exp: Number.MAX_VALUE }, {}],
    ['that was issued before time began', { iat: -1e300, nbf: -1 }, {}],
    ['whose subject has 255 characters', { sub: 's'.repeat(255) }, {}],
    ['that says its type in the header', { typ: undefined }, { typ: 'at+jwt' }],
    ['that says its type in the header in full', { typ: undefined }, { typ: 'application/AT+JWT' }],
  ])('%s', async (_case, claims, header) => {
    expect(await kindOf(await aToken(claims, header))).toBe('accepted')
    expect(refusals).toEqual([])
  })
})

test.each(algorithms)('a token signed with %s is accepted', async (alg) => {
  expect(await kindOf(await aToken({}, {}, alg))).toBe('accepted')
})

test('a token tells who is calling, and whoever is told may not change it', async () => {
  const token = await aToken({ azp: 'portal', name: 'Alice', email: 'alice@example.test' })

  const verdict = await check(aVerifier(), token)

  const { principal } = verdict as Extract<typeof verdict, { kind: 'accepted' }>
  expect(principal).toEqual({
    subject: 'alice-id',
    login: 'alice',
    name: 'Alice',
    email: 'alice@example.test',
    kind: 'user',
    via: 'oauth2',
    roles: ['reader'],
    scopes: ['reader'],
    attributes: {},
    config: {},
    issuedAt: startSeconds,
    expiresAt: (startSeconds + 300) * 1000,
    clientId: 'portal',
  })
  expect(Object.isFrozen(principal)).toBe(true)
})

test('a token that names no client and no time of issue has neither', async () => {
  const verdict = await check(aVerifier(), await aToken({ azp: 7, iat: undefined }))

  const { principal } = verdict as Extract<typeof verdict, { kind: 'accepted' }>
  expect(principal).not.toHaveProperty('clientId')
  expect(principal.issuedAt).toBe(0)
})

test('without authorised parties the client of a token never counts', async () => {
  const verify = aVerifier({ authorizedParties: [] })

  expect(await kindOf(await aToken({ aud: undefined, azp: 'portal' }), verify)).toBe('refused')
  expect(await kindOf(await aToken({ aud: 'account', azp: 'portal' }), verify)).toBe('refused')
  expect(await kindOf(await aToken({ aud: 'api', azp: 'portal' }), verify)).toBe('accepted')
})

describe('a token is refused without asking the issuer or counting it', () => {
  test.each<[string, Record<string, unknown>, Record<string, unknown>]>([
    ['of another issuer', { iss: 'https://evil.example' }, {}],
    ['without a subject', { sub: undefined }, {}],
    ['with an empty subject', { sub: '' }, {}],
    ['whose subject is no text', { sub: 7 }, {}],
    ['that is an ID token', { typ: 'ID' }, {}],
    ['that is an ID token and says otherwise in the header', { typ: 'ID' }, { typ: 'at+jwt' }],
    ['of no type', { typ: undefined }, { typ: undefined }],
    ['of a type that only begins as one', { typ: undefined }, { typ: 'at+jwt2' }],
    ['of a type that only ends as one', { typ: undefined }, { typ: 'x-at+jwt' }],
    ['of a type in another tree', { typ: undefined }, { typ: 'text/at+jwt' }],
    ...[
      'logout+jwt',
      'id_token+jwt',
      'dpop+jwt',
      'application/jwt',
      'JWE',
      'at+jwt ',
      '',
      'link+jwt',
      'secevent+jwt',
    ].map((typ): [string, Record<string, unknown>, Record<string, unknown>] => [
      `whose header says ${typ}`,
      {},
      { typ },
    ]),
    ['whose type is a number', {}, { typ: 7 }],
    ['whose type is null', {}, { typ: null }],
    ['whose type is a list', {}, { typ: ['JWT'] }],
    ['that holds another JWT', {}, { cty: 'JWT' }],
    ['that holds another JWT, in full', {}, { cty: 'application/jwt' }],
    ['whose content type is no text', {}, { cty: 1 }],
    ['whose subject has 256 characters', { sub: 's'.repeat(256) }, {}],
  ])('%s', async (_case, claims, header) => {
    expect(await kindOf(await aToken(claims, header))).toBe('refused')
    expect([questions, refusals]).toEqual([0, []])
  })

  test.each(['', 'x', 'a.b.c', 'e30.e30.e30', 'e30.bnVsbA.x'])('that is none: %j', async (token) => {
    expect(await kindOf(token)).toBe('refused')
    expect(questions).toBe(0)
  })

  test('that is longer than 16 KiB, and only then', async () => {
    const [longest, tooLong] = [await aTokenOf(16_384), await aTokenOf(16_385)]

    expect(await kindOf(longest)).toBe('accepted')
    expect(await kindOf(tooLong)).toBe('refused')
  })
})

describe('a token is refused and counted for its address', () => {
  test.each<[string, () => Promise<string>]>([
    ['for another audience', () => aToken({ aud: 'account' })],
    ['for another audience among several', () => aToken({ aud: ['account', 'latchkey2'] })],
    ['for nobody, of no client', () => aToken({ aud: undefined })],
    ['of another client', () => aToken({ aud: undefined, azp: 'other' })],
    ['for another API, of a client named as an audience', () => aToken({ aud: 'x', azp: 'latchkey' })],
    ['for nobody, of a client named as an audience', () => aToken({ aud: undefined, azp: 'api' })],
    ['for an authorised party', () => aToken({ aud: 'portal' })],
    ['of several parties', () => aToken({ aud: undefined, azp: ['portal'] })],
    ...[[], [['api']], [{}], ['api', 7], ['api', ''], ['api', null], 7, null, '', {}, true].map(
      (aud): [string, () => Promise<string>] => [
        `with the malformed audience ${JSON.stringify(aud)}, of an authorised party`,
        () => aToken({ aud, azp: 'portal' }),
      ],
    ),
    ...(['exp', 'nbf', 'iat'] as const).flatMap((claim) =>
      ['1e999', '-1e999', '"1"', 'null', '[1]', '{}', 'true'].map((text): [string, () => Promise<string>] => [
        `whose ${claim} is ${text}`,
        () => aTokenWritten(`{"${claim}":${text},`, { [claim]: undefined }),
      ]),
    ),
    ['whose last exp of two is infinite', () => aTokenWritten('{', {}, ',"exp":1e999}')],
    [
      'with a payload that is not encoded',
      async () => withHeader(await aToken(), { crit: ['b64'], b64: false }),
    ],
    ['with a list of critical headers that is empty', async () => withHeader(await aToken(), { crit: [] })],
    ['without an end', () => aToken({ exp: undefined })],
    ['whose end is a text', () => aToken({ exp: '9999999999' })],
    ['that does not hold yet', () => aToken({ nbf: startSeconds + 60 })],
    [
      'whose signature is of another token',
      async () => swapSignature(await aToken(), await aToken({ x: 1 })),
    ],
    ['that is not signed', async () => unsigned(await aToken())],
    [
      'with a critical header that nobody knows',
      async () => withHeader(await aToken(), { crit: ['x'], x: 1 }),
    ],
    ['with an algorithm that nobody knows', async () => withHeader(await aToken(), { alg: 'XS256' })],
    ['whose signature is no base64', async () => `${(await aToken()).slice(0, -4)}!!!!`],
  ])('%s', async (_case, make) => {
    expect(await kindOf(await make())).toBe('refused')
    expect(refusals).toEqual(['192.0.2.1'])
  })

  test('of an unknown key, which is not counted: tokens of a key that is yet to be read look the same', async () => {
    expect(await kindOf(await aToken({}, { kid: 'other' }))).toBe('refused')
    expect(refusals).toEqual([])
  })

  test('that two keys of the issuer could have signed', async () => {
    const twins = createLocalJWKSet({
      keys: [await exportJWK(publicKey), { ...(await exportJWK(publicKey)), use: 'sig' }],
    })
    const verify = aVerifier({ issuer: anIssuer(() => Promise.resolve(twins)) })

    expect(await kindOf(await aToken({}, { kid: undefined }), verify)).toBe('refused')
  })
})

describe('to the millisecond, with the five seconds in which clocks may differ, a token', () => {
  const end = start + lifetimeSeconds * 1000

  test.each<[string, number, string]>([
    ['is accepted until its end', end - 1, 'accepted'],
    ['is accepted within the tolerance after it', end + 4999, 'accepted'],
    ['is refused when the tolerance is over', end + 5000, 'refused'],
  ])('%s', async (_case, at, kind) => {
    const token = await aToken()
    now = at

    expect(await kindOf(token)).toBe(kind)
  })

  test.each<[string, number, string]>([
    ['is refused before the tolerance ahead of its beginning', start - 5001, 'refused'],
    ['is accepted within the tolerance ahead of its beginning', start - 5000, 'accepted'],
    ['is accepted from its beginning on', start, 'accepted'],
  ])('%s', async (_case, at, kind) => {
    const token = await aToken({ nbf: startSeconds })
    now = at

    expect(await kindOf(token)).toBe(kind)
  })

  test('is accepted again when the clock was set back before its end', async () => {
    const [token, verify] = [await aToken(), aVerifier()]
    now = end + 5000
    expect(await kindOf(token, verify)).toBe('refused')

    now = end + 4999
    expect(await kindOf(token, verify)).toBe('accepted')
  })

  test('that was remembered ends as one that was not', async () => {
    const [token, verify] = [await aToken(), aVerifier()]
    now = end - 1000
    expect(await kindOf(token, verify)).toBe('accepted')

    now = end + 4999
    expect(await kindOf(token, verify)).toBe('accepted')
    now = end + 5000
    expect(await kindOf(token, verify)).toBe('refused')
  })
})

describe('a verified token', () => {
  test('is remembered for a minute: it is answered at once and asks nobody', async () => {
    const [token, verify] = [await aToken(), aVerifier()]
    await check(verify, token)

    now += 59_999
    expect(verify(token, '192.0.2.1')).toMatchObject({ kind: 'accepted' })
    expect(questions).toBe(1)
    now += 1
    expect(verify(token, '192.0.2.1')).toBeInstanceOf(Promise)
    expect(questions).toBe(2)
  })

  test('is not remembered past its end', async () => {
    const [token, verify] = [await aToken({ exp: startSeconds + 10 }), aVerifier()]
    await check(verify, token)

    now += 9_999
    expect(verify(token, '192.0.2.1')).toMatchObject({ kind: 'accepted' })
    now += 1
    expect(verify(token, '192.0.2.1')).toBeInstanceOf(Promise)
  })

  test('is not remembered from before the clock was set back', async () => {
    const [token, verify] = [await aToken(), aVerifier()]
    await check(verify, token)

    now -= 1
    expect(verify(token, '192.0.2.1')).toBeInstanceOf(Promise)
    now += 1
    expect(verify(token, '192.0.2.1')).toMatchObject({ kind: 'accepted' })
  })

  test('is no excuse for another one with the same end', async () => {
    const [token, verify] = [await aToken(), aVerifier()]
    await check(verify, token)
    const [header, , signature] = token.split('.')
    const forged = [header, base64url({ ...goodClaims, sub: 'bob-id' }), signature].join('.')

    expect(await kindOf(forged, verify)).toBe('refused')
    expect(await kindOf(token, verify)).toBe('accepted')
  })

  test('that still serves stays when those that ended are cleared away', async () => {
    const verify = aVerifier()
    const [ended, serving, latest] = await Promise.all([1, 2, 3].map((jti) => aToken({ jti: String(jti) })))
    await check(verify, ended ?? '')
    now += 30_000
    await check(verify, serving ?? '')
    now += 30_000
    await check(verify, latest ?? '')

    expect(verify(serving ?? '', '192.0.2.1')).not.toBeInstanceOf(Promise)
    expect(verify(latest ?? '', '192.0.2.1')).not.toBeInstanceOf(Promise)
    expect(verify(ended ?? '', '192.0.2.1')).toBeInstanceOf(Promise)
  })

  test('that still serves is not pushed out by those that ended, however late they were used', async () => {
    const verify = aVerifier({ maxCached: 2 })
    now += 10_000
    const serving = await aToken({ jti: '1' })
    await check(verify, serving)
    now += 30_000
    await check(verify, await aToken({ jti: '2', exp: startSeconds + 60 }))

    now += 20_000
    await check(verify, await aToken({ jti: '3' }))

    expect(verify(serving, '192.0.2.1')).not.toBeInstanceOf(Promise)
  })

  test('of the oldest use makes room when there are too many', async () => {
    const verify = aVerifier({ maxCached: 2 })
    const tokens = await Promise.all([1, 2, 3].map((jti) => aToken({ jti: String(jti) })))
    for (const token of tokens) await check(verify, token)

    const [first = '', second = '', third = ''] = tokens
    expect(verify(third, '192.0.2.1')).not.toBeInstanceOf(Promise)
    expect(verify(second, '192.0.2.1')).not.toBeInstanceOf(Promise)
    expect(verify(first, '192.0.2.1')).toBeInstanceOf(Promise)
  })
})

describe('a person who is known to be disabled', () => {
  test('has every token refused, new or remembered, and none once enabled again', async () => {
    let disabled = 'alice-id'
    const verify = aVerifier({ isDisabled: (subject) => subject === disabled })
    const [token, ofBob] = [await aToken(), await aToken({ sub: 'bob-id' })]

    expect(await check(verify, token)).toEqual({ kind: 'refused' })
    expect(await kindOf(ofBob, verify)).toBe('accepted')
    disabled = 'nobody'
    expect(await kindOf(token, verify)).toBe('accepted')
    disabled = 'alice-id'
    expect(verify(token, '192.0.2.1')).toEqual({ kind: 'refused' })
    expect(await kindOf(ofBob, verify)).toBe('accepted')
    disabled = 'nobody'
    expect(verify(token, '192.0.2.1')).toMatchObject({ kind: 'accepted' })
    // It is no guess of the address that a person is disabled.
    expect(refusals).toEqual([])
  })
})

test('of the claims those are kept as attributes that the operator names, and no other', async () => {
  const token = await aToken({ team: 'a', country: 'fr' })

  expect(await check(aVerifier({ attributes: ['team', 'missing'] }), token)).toMatchObject({
    principal: { attributes: { team: 'a' }, config: { team: 'a' } },
  })
  expect(await check(aVerifier(), token)).toMatchObject({ principal: { attributes: {}, config: {} } })
})

describe('an address that must wait', () => {
  test('is told so for a token that is not remembered, and the issuer is not asked', async () => {
    const token = await aToken()
    waitSeconds = 7

    expect(await check(aVerifier(), token)).toEqual({ kind: 'throttled', retryAfterSeconds: 7 })
    expect(questions).toBe(0)
  })

  test('goes on with a token that is', async () => {
    const [token, verify] = [await aToken(), aVerifier()]
    await check(verify, token)
    waitSeconds = 7

    expect(await kindOf(token, verify)).toBe('accepted')
  })
})

describe('nobody can tell, and nothing is counted', () => {
  test('while the issuer cannot be reached', async () => {
    const cause = new Error('connect ECONNREFUSED')
    const verify = aVerifier({ issuer: anIssuer(() => Promise.reject(cause)) })

    expect(await check(verify, await aToken())).toEqual({ kind: 'unavailable', cause })
    expect(refusals).toEqual([])
  })

  test('while its keys cannot be had', async () => {
    const cause = new TypeError('fetch failed')
    const verify = aVerifier({
      issuer: anIssuer(() => Promise.resolve(() => Promise.reject(cause) as never)),
    })

    expect(await check(verify, await aToken())).toEqual({ kind: 'unavailable', cause })
    expect(refusals).toEqual([])
  })
})

/** Signed as a text that `JSON.stringify` would not write, such as `1e999`. */
function aTokenWritten(start: string, claims: Record<string, unknown>, end = '}'): Promise<string> {
  const rest = JSON.stringify({ ...goodClaims, ...claims }).slice(1, -1)
  return new CompactSign(new TextEncoder().encode(start + rest + end))
    .setProtectedHeader({ alg: 'RS256', kid: 'RS256', typ: 'JWT' })
    .sign(requirePair('RS256').privateKey)
}

/** Padded in its claims and in its header, since base64 has no text of one character. */
async function aTokenOf(length: number): Promise<string> {
  const least = await aToken({ pad: '' }, { cty: '' })
  const room = Math.floor(((length - least.length) * 3) / 4) - 4
  for (let inHeader = 0; inHeader < 4; inHeader++) {
    for (let more = 0; more < 8; more++) {
      const token = await aToken({ pad: 'x'.repeat(room + more) }, { cty: 'x'.repeat(inHeader) })
      if (token.length === length) return token
    }
  }
  throw new Error(`No token of ${length} characters`)
}

const base64url = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
const unsigned = (token: string) =>
  [base64url({ alg: 'none', typ: 'JWT' }), token.split('.')[1], ''].join('.')
const withHeader = (token: string, header: object) =>
  [base64url({ alg: 'RS256', kid: 'RS256', typ: 'JWT', ...header }), ...token.split('.').slice(1)].join('.')
const swapSignature = (token: string, other: string) =>
  [...token.split('.').slice(0, 2), other.split('.')[2]].join('.')
