import { createHmac, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { importJWK, type JWK, SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { embeddedIssuer } from '../../src/dev/index.js'
import { type Answer, startService, type TestService, type TokenWishes } from '../support/service.js'

let service: TestService
let issuerKey: JWK
beforeAll(async () => {
  service = await startService()
  const jwks = await fetch(`${embeddedIssuer(service.url)}/protocol/openid-connect/certs`)
  issuerKey = ((await jwks.json()) as { keys: JWK[] }).keys[0] ?? {}
})
afterAll(() => service.close())

const present = (token: string) =>
  service.inject({ url: '/me', headers: { authorization: `Bearer ${token}` } })

function expectRefused(answer: Answer, token: string) {
  expect(answer.status).toBe(401)
  expect(answer.json).toMatchObject({
    code: 'invalid_credential',
    detail: 'The credential is wrong, unknown, expired, revoked or disabled.',
  })
  expect(answer.headers['www-authenticate']).toBe('Bearer error="invalid_token"')
  expect(answer.body).not.toContain('alice')
  expect(service.log.join('')).not.toContain(token.slice(0, 60))
}

const base64url = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
const seconds = () => Math.floor(service.clock.now() / 1000)

/** The parts of a good token, to be put together wrongly. */
async function parts(wishes: TokenWishes = {}) {
  const [header = '', payload = '', signature = ''] = (await service.token(wishes)).split('.')
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, unknown>
  return { header, payload, signature, claims }
}

describe('a token is accepted', () => {
  test.each<[string, TokenWishes]>([
    ['of this service', {}],
    ['of another client, for this audience', { clientId: 'another', claims: { aud: ['x', 'latchkey'] } }],
    [
      'for another audience, of a client that is accepted',
      { clientId: 'latchkey-swagger', claims: { aud: 'account' } },
    ],
    ['without audience, of a client that is accepted', { claims: { aud: undefined } }],
    ['that began to hold now', { claims: { nbf: Math.floor(Date.now() / 1000) } }],
    [
      'that says its type in the header as RFC 9068 does',
      { claims: { typ: undefined }, header: { typ: 'at+jwt' } },
    ],
  ])('%s', async (_kind, wishes) => {
    const answer = await present(await service.token(wishes))

    expect(answer.json).toMatchObject({ login: 'alice', via: 'oauth2' })
  })
})

test('a role that would read as a group is left out of the rights, with one line in the log', async () => {
  const claims = {
    realm_access: { roles: ['group:/boss', 'reader'] },
    resource_access: { group: { roles: ['/chief'] } },
    groups: ['/ops'],
  }

  for (let time = 0; time < 3; time += 1) {
    const { json } = await present(await service.token({ claims }))
    expect(json.roles).toEqual(['group:/ops', 'reader'])
  }

  const lines = service.log.map((line) => JSON.parse(line)).filter(({ role }) => role !== undefined)
  expect(lines.map(({ level, role }) => ({ level, role }))).toEqual([
    { level: 40, role: 'group:/boss' },
    { level: 40, role: 'group:/chief' },
  ])
})

describe('a token is refused', () => {
  test.each<[string, TokenWishes]>([
    ['that has expired', { lifetimeSeconds: -10 }],
    ['that does not hold yet', { claims: { nbf: Math.floor(Date.now() / 1000) + 60 } }],
    ['without an end', { claims: { exp: undefined } }],
    ['whose end is a text', { claims: { exp: '99999999999' } }],
    ['without a subject', { claims: { sub: undefined } }],
    ['with an empty subject', { claims: { sub: '' } }],
    ['whose subject is a number', { claims: { sub: 1 } }],
    ['of another issuer', { claims: { iss: 'https://other.example/realms/latchkey' } }],
    ['of another realm of the same host', { claims: { iss: 'http://127.0.0.1/idp/realms/other' } }],
    ['without an issuer', { claims: { iss: undefined } }],
    ['whose issuer is a list', { claims: { iss: ['a'] } }],
    ['for another audience and client', { clientId: 'another', claims: { aud: 'account' } }],
    [
      'for another API, of a client that is named as an audience',
      { clientId: 'api', claims: { aud: 'account' } },
    ],
    ['of an unknown client, with a malformed audience', { claims: { aud: [] } }],
    ['whose subject is too long', { claims: { sub: 's'.repeat(256) } }],
    ['whose subject is that of a server user', { claims: { sub: 'server:Zk3vQ9aB' } }],
    ['whose subject is that of the single user', { claims: { sub: 'single-user' } }],
    ['whose subject holds NUL', { claims: { sub: 'alice-id\0' } }],
    ['whose subject holds half a character', { claims: { sub: '\ud800' } }],
    ['whose subject holds a line end', { claims: { sub: 'a\nb' } }],
    ['whose subject is blank', { claims: { sub: ' ' } }],
    ['whose header says another type', { header: { typ: 'logout+jwt' } }],
    ['without audience and client', { claims: { aud: undefined, azp: undefined } }],
    ['whose audience only begins as this one', { clientId: 'latchkey2', claims: { aud: 'latchkey-' } }],
    ['that is an ID token', { claims: { typ: 'ID' } }],
    ['that is a refresh token', { claims: { typ: 'Refresh' } }],
    ['that is an offline token', { claims: { typ: 'Offline' } }],
    ['that is a logout token', { claims: { typ: 'Logout' } }],
    ['of no type', { claims: { typ: undefined } }],
    [
      'that calls itself both an ID and an access token',
      { claims: { typ: 'ID' }, header: { typ: 'at+jwt' } },
    ],
    ['of an unknown key', { header: { kid: 'unknown' } }],
  ])('%s', async (_fault, wishes) => {
    const token = await service.token(wishes)

    expectRefused(await present(token), token)
  })

  test('unsigned, whatever it calls that', async () => {
    const { payload } = await parts()
    for (const alg of ['none', 'None', 'NONE', '', null, undefined]) {
      for (const signature of ['', 'x']) {
        const token = `${base64url({ alg, typ: 'JWT' })}.${payload}.${signature}`

        expectRefused(await present(token), token)
      }
    }
  })

  test('signed by HMAC with the public key, in each of its forms', async () => {
    const { payload } = await parts()
    const publicKey = createPublicKey({ key: issuerKey, format: 'jwk' } as Parameters<
      typeof createPublicKey
    >[0])
    const forms = [
      publicKey.export({ type: 'spki', format: 'pem' }),
      publicKey.export({ type: 'pkcs1', format: 'pem' }),
      publicKey.export({ type: 'spki', format: 'der' }),
      Buffer.from(issuerKey.n ?? '', 'base64url'),
      JSON.stringify(issuerKey),
    ]
    for (const form of forms) {
      for (const [alg, hash] of [
        ['HS256', 'sha256'],
        ['HS512', 'sha512'],
      ] as const) {
        const input = `${base64url({ alg, typ: 'JWT', kid: issuerKey.kid })}.${payload}`
        const token = `${input}.${createHmac(hash, form).update(input).digest('base64url')}`

        expectRefused(await present(token), token)
      }
    }
  })

  test('signed by a stranger, also when the token brings the key along', async () => {
    const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const { claims } = await parts()
    const jwk = stranger.publicKey.export({ format: 'jwk' }) as JWK
    for (const header of [
      { kid: issuerKey.kid ?? '' },
      { jwk },
      { kid: issuerKey.kid ?? '', jwk },
      { jku: 'http://127.0.0.1:1/' },
    ]) {
      const token = await sign(claims, stranger.privateKey, 'RS256', header)

      expectRefused(await present(token), token)
    }
  })

  test('signed in a way that the issuer has no key for', async () => {
    const { claims } = await parts()
    const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const ed = generateKeyPairSync('ed25519')
    const header = { kid: issuerKey.kid ?? '' }
    for (const token of [
      await sign(claims, ec.privateKey, 'ES256', header),
      await sign(claims, ed.privateKey, 'EdDSA', header),
    ]) {
      expectRefused(await present(token), token)
    }
  })

  test('once any part of it was changed', async () => {
    const { header, signature, claims, payload } = await parts()
    const { signature: foreign } = await parts({ person: 'bob' })
    const changed = base64url({ ...claims, realm_access: { roles: ['latchkey-admin'] } })
    for (const token of [
      `${header}.${changed}.${signature}`,
      `${header}.${payload}.${foreign}`,
      `${header}.${payload}.`,
      `${header}.${payload}`,
      `${header}.${payload}.${signature}.x`,
      `${header}.${payload}.${signature.slice(0, -4)}`,
      `${header}.${payload}.${signature}%20`,
      `${base64url({ alg: 'PS256', typ: 'JWT', kid: issuerKey.kid })}.${payload}.${signature}`,
    ]) {
      expectRefused(await present(token), token)
    }
  })

  test.each([
    'x',
    'a.b.c',
    '..',
    '....',
    '{}',
    `${'e30'}.${'e30'}.${'e30'}`,
    'eyJhbGciOiJSUzI1NiJ9.bnVsbA.x',
    'ey\u00e9',
  ])('that is no token: %s', async (token) => {
    const answer = await present(token)

    expect(answer.json.code).toBe('invalid_credential')
  })

  test('of 20 kB, before anything of it is read', async () => {
    const token = await service.token({ claims: { realm_access: { roles: ['x'.repeat(20_000)] } } })

    expectRefused(await present(token), token)
  })
})

test('every refusal reads the same, so that nobody learns from it', async () => {
  const answers = [
    await present(await service.token({ lifetimeSeconds: -10 })),
    await present(await service.token({ claims: { iss: 'x' } })),
    await service.inject({ url: '/me', headers: { 'x-api-key': 'wrong' } }),
  ]
  const texts = answers.map(({ json: { requestId, ...rest } }) => JSON.stringify(rest))

  expect(new Set(texts).size).toBe(1)
})

test('roles and groups of a token become rights, and members of a wrong type none', async () => {
  const claims = {
    realm_access: { roles: ['b', 'a', 7, 'a'] },
    resource_access: { other: { roles: ['write'] }, broken: 'x', empty: {} },
    groups: ['/team', null],
    preferred_username: ['x'],
    name: 5,
    exp: seconds() + 60,
  }
  const answer = await present(await service.token({ claims }))

  expect(answer.json.scopes).toEqual(['a', 'b', 'group:/team', 'other:write'])
  expect(answer.json).toMatchObject({ login: answer.json.subject, name: null })
})

const sign = async (
  claims: Record<string, unknown>,
  key: KeyObject,
  alg: string,
  header: Record<string, unknown>,
) =>
  new SignJWT(claims)
    .setProtectedHeader({ alg, typ: 'JWT', ...header })
    .sign(await importJWK(key.export({ format: 'jwk' }) as JWK, alg))
