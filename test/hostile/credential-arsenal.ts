import { createHmac, createPublicKey, generateKeyPairSync } from 'node:crypto'
import { importJWK, type JWK, SignJWT } from 'jose'
import { embeddedIssuer } from '../../src/dev/index.js'
import { newValue } from '../../src/keys/value.js'
import { aForgedValue, checksumOf } from '../keys/requests.js'
import { logIn } from '../support/log-in.js'
import type { OtherReplica } from '../support/other-replica.js'
import type { CreatedKey, TestService } from '../support/service.js'

/** What an attack is made of: credentials that are good, and ones that were, or nearly are. */
export interface Arsenal {
  good: {
    key: string
    otherKey: string
    /** An id and a secret that were imported, with a colon between them. */
    imported: string
    /** Signed by a key. */
    keyToken: string
    token: string
    session: string
    origin: string
  }
  /** Of the right shape and checksum, yet of no key that works. */
  wrongValues: string[]
  /** JWTs that no key signed, or none that works. */
  wrongKeyTokens: string[]
  /** Signed by the issuer, by nobody or by somebody else; none is an access token for this service. */
  wrongTokens: string[]
}

/**
 * Fills it through the front door of a service, whose clock must stand still meanwhile.
 * @param replica another process on the database of the service, which imports a key
 */
export async function gatherArsenal(service: TestService, replica: OtherReplica): Promise<Arsenal> {
  const key = await service.createKey('alice', { never_expires: true })
  const otherKey = await service.createKey('bob', { never_expires: true })
  const signing = await service.createKey('alice', { never_expires: true, jwt: true })
  const { cookie } = await logIn(service, 'alice')
  const secret = 'an-imported-secret-of-the-arsenal-of-48-letters.'
  const id = await replica.import({
    kind: 'pair',
    id: 'im-ported.1',
    secret,
    secretEncoding: 'utf8',
    jwt: true,
  })
  const token = await service.token({ lifetimeSeconds: 86_400 })
  return {
    good: {
      ...{ key: key.value, otherKey: otherKey.value, imported: `${id}:${secret}`, token },
      ...{ keyToken: signByKey(signing), session: cookie, origin: service.url },
    },
    wrongValues: [
      ...(await makeWrongValues(service, key, otherKey)),
      ...[
        `${id}:`,
        `:${secret}`,
        secret,
        `lk_${id}_${secret}`,
        `${key.id}:${secret}`,
        `${id}:${id}:${secret}`,
      ],
    ],
    wrongKeyTokens: await makeWrongKeyTokens(service, {
      key,
      signing,
      importedId: id,
      importedSecret: secret,
    }),
    wrongTokens: [...(await makeWrongClaims(service)), ...(await makeForgeries(service, token, key))],
  }
}

async function makeWrongValues(service: TestService, key: CreatedKey, other: CreatedKey): Promise<string[]> {
  const ask = async (method: 'POST' | 'PATCH' | 'DELETE', path: string, payload?: object) =>
    await service.inject({
      method,
      url: `/api-keys/${path}`,
      headers: await service.as('alice'),
      ...(payload && { payload }),
    })
  const [revoked, disabled, deleted, rotated] = await Promise.all(
    [1, 2, 3, 4].map(() => service.createKey('alice')),
  )
  if (!revoked || !disabled || !deleted || !rotated) throw new Error('The keys were not made')
  await ask('POST', `${revoked.id}/revoke`, { permanent: true })
  await ask('PATCH', disabled.id, { enabled: false })
  await ask('DELETE', deleted.id)
  await ask('POST', `${rotated.id}/rotate`)
  const secretOf = ({ id, value }: CreatedKey) => value.slice(`lk_${id}_`.length, -6)
  const signed = (body: string) => body + checksumOf(body)
  return [
    ...[revoked, disabled, deleted, rotated].map(({ value }) => value),
    aForgedValue(key.id),
    aForgedValue(),
    newValue('lk', key.id, (size) => Buffer.alloc(size)),
    signed(`lk_${key.id}_${secretOf(other)}`),
    signed(`xx_${key.id}_${secretOf(key)}`),
    signed(`lk_${inOtherCase(key.id)}_${secretOf(key)}`),
    signed(`lk_${key.id}_${[...secretOf(key)].reverse().join('')}`),
    signed(`lk__${secretOf(key)}`),
  ]
}

/** Changes the case of one letter. An id may have letters of one case alone, or no letter at all. */
const inOtherCase = (id: string) =>
  /[A-Za-z]/.test(id)
    ? id.replace(/[A-Za-z]/, (letter) => (letter < 'a' ? letter.toLowerCase() : letter.toUpperCase()))
    : `a${id.slice(1)}`

/** As an ordinary library does it. */
function signByKey(
  { id, value }: CreatedKey,
  {
    claims = {},
    header = {},
    secret = value.slice(-49),
  }: { claims?: object; header?: object; secret?: string } = {},
): string {
  const input = `${base64url({ alg: 'HS256', typ: 'JWT', ...header })}.${base64url({ iss: id, ...claims })}`
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`
}

/** Of keys that were revoked or sign nothing, of the wrong secret, algorithm or time. */
async function makeWrongKeyTokens(
  service: TestService,
  of: { key: CreatedKey; signing: CreatedKey; importedId: string; importedSecret: string },
): Promise<string[]> {
  const { key, signing, importedId, importedSecret } = of
  const revoked = await service.createKey('alice', { jwt: true })
  const [headers, url] = [await service.as('alice'), `/api-keys/${revoked.id}/revoke`]
  await service.inject({ method: 'POST', url, headers, payload: { permanent: true } })
  const now = Math.floor(service.clock.now() / 1000)
  return [
    signByKey(key),
    signByKey(revoked),
    ...[signing.value, signing.id, '', key.value.slice(-49), importedSecret].map((secret) =>
      signByKey(signing, { secret }),
    ),
    ...[importedId, `${importedId}:${importedSecret}`].map((secret) =>
      signByKey(signing, { claims: { iss: importedId }, secret }),
    ),
    ...[
      { iss: undefined },
      { iss: null },
      { iss: '' },
      { iss: '..' },
      { iss: [signing.id] },
      { iss: `${signing.id} ` },
      { iss: key.id },
      { iss: '__proto__' },
      { exp: 1 },
      { exp: 'never' },
      { exp: null },
      { nbf: now + 86_400 },
      { nbf: {} },
    ].map((claims) => signByKey(signing, { claims })),
    ...['none', 'HS384', 'hs256', 'RS256', 'HS256 ', '', null, ['HS256']].map((alg) =>
      signByKey(signing, { header: { alg } }),
    ),
    signByKey(signing, { header: { crit: ['exp'] } }),
    signByKey(signing, { header: { b64: false, crit: ['b64'] } }),
    signByKey(signing).replace(/[^.]+$/, ''),
  ]
}

/** Rightly signed, and wrong in what they say. */
function makeWrongClaims(service: TestService): Promise<string[]> {
  const issuer = embeddedIssuer(service.url)
  const far = Math.floor(service.clock.now() / 1000) + 86_400
  return Promise.all(
    [
      { typ: 'ID' },
      { typ: 'Refresh' },
      { typ: 'Logout' },
      { typ: ['Bearer'] },
      { typ: null },
      { iss: `${issuer}/` },
      { iss: [issuer] },
      { iss: undefined },
      { sub: undefined },
      { sub: '' },
      { sub: { $ne: '' } },
      { exp: 1 },
      { exp: String(far) },
      { exp: undefined },
      { nbf: far },
      { nbf: 'never' },
      { aud: 'account', azp: 'other' },
      { aud: [['latchkey']], azp: undefined },
      { aud: { latchkey: true }, azp: undefined },
      { aud: '', azp: '' },
      { aud: [], azp: 'latchkey' },
      { aud: 7, azp: 'latchkey' },
      { aud: [['latchkey']], azp: 'latchkey' },
      { aud: 'account', azp: ['latchkey'] },
      { sub: 's'.repeat(256) },
    ].map((claims) => service.token({ claims, lifetimeSeconds: 86_400 })),
  )
}

const base64url = (value: unknown) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')

/** Not signed, signed with what everybody knows, or signed by a stranger. */
async function makeForgeries(service: TestService, token: string, key: CreatedKey): Promise<string[]> {
  const answer = await fetch(`${embeddedIssuer(service.url)}/protocol/openid-connect/certs`)
  const { keys } = (await answer.json()) as { keys: JWK[] }
  const jwk: JWK = keys[0] ?? {}
  const [header = '', payload = '', signature = ''] = token.split('.')
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString())
  const asAdmin = base64url({ ...claims, realm_access: { roles: ['latchkey-admin'] } })
  const pem = createPublicKey({ key: jwk as Record<string, unknown>, format: 'jwk' }).export({
    type: 'spki',
    format: 'pem',
  })
  const hmac = (alg: string, hash: string, secret: string | Buffer, body: string) => {
    const input = `${base64url({ alg, typ: 'JWT', kid: jwk.kid })}.${body}`
    return `${input}.${createHmac(hash, secret).update(input).digest('base64url')}`
  }
  const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const strangersJwk = stranger.publicKey.export({ format: 'jwk' })
  const strangersKey = await importJWK(stranger.privateKey.export({ format: 'jwk' }), 'RS256')
  const byStranger = (more: Record<string, unknown>) =>
    new SignJWT(claims).setProtectedHeader({ alg: 'RS256', typ: 'JWT', ...more }).sign(strangersKey)
  const kids: unknown[] = [
    ...['../../../../dev/null', "' OR 1=1 --", 'http://127.0.0.1:1/jwks', '', 'a'.repeat(4000)],
    ...[null, 0, {}, [jwk.kid], '__proto__'],
  ]
  return [
    ...['none', 'None', 'nOnE', '', null, 0].flatMap((alg) => [
      `${base64url({ alg, typ: 'JWT', kid: jwk.kid })}.${payload}.`,
      `${base64url({ alg, typ: 'JWT', kid: jwk.kid })}.${payload}.${signature}`,
    ]),
    ...[pem, JSON.stringify(jwk), Buffer.from(jwk.n ?? '', 'base64url'), '', key.value].flatMap((secret) => [
      hmac('HS256', 'sha256', secret, payload),
      hmac('HS512', 'sha512', secret, asAdmin),
    ]),
    ...(await Promise.all([
      byStranger({ kid: jwk.kid }),
      byStranger({ jwk: strangersJwk }),
      byStranger({ kid: jwk.kid, jwk: strangersJwk }),
      byStranger({ jku: 'http://127.0.0.1:1/' }),
      byStranger({ x5u: 'http://127.0.0.1:1/', x5c: ['AAAA'] }),
    ])),
    ...kids.map((kid) => `${base64url({ alg: 'RS256', typ: 'JWT', kid })}.${payload}.${signature}`),
    ...[`${header}.${asAdmin}.${signature}`, `${payload}.${header}.${signature}`],
    ...[`${header}.${base64url(token)}.${signature}`, `${header}.${payload}.${signature}.${signature}.x`],
    `${base64url({ alg: 'RS256', typ: 'JWT', cty: 'JWT', kid: jwk.kid })}.${base64url(token)}.${signature}`,
    `${base64url({ alg: 'dir', enc: 'A256GCM' })}..${base64url('x'.repeat(12))}.${payload}.${base64url('t')}`,
    `${base64url({ alg: 'RS256', typ: 'JWT', b64: false, crit: ['b64'] })}.${payload}.${signature}`,
    `${header}.${base64url({ ...claims, pad: 'x'.repeat(20_000) })}.${signature}`,
    `${header}.${base64url('{"sub":"a","sub":"b"')}.${signature}`,
    `${header}.${base64url('['.repeat(5000))}.${signature}`,
    `${header}.${base64url({ ...claims, constructor: { prototype: {} }, toString: 1 })}.${signature}`,
  ]
}
