import { CompactSign, exportJWK, importJWK, type JWTPayload, SignJWT, UnsecuredJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createAssertions } from '../../src/assertion/assertions.js'
import type { Signer } from '../../src/assertion/keyring.js'
import { isWrittenAsLink, readLink, signLink } from '../../src/links/token.js'
import type { Database } from '../../src/store/database.js'
import { aPrincipal, aReplica, secret } from '../assertion/world.js'
import { openTestDatabase } from '../support/database.js'

const now = Date.parse('2026-11-21T12:00:00.000Z')
const aLink = { keyId: 'Zk3vQ9aB', generation: 3, path: '/echo/tiles', endsAt: now + 1234 }

let db: Database
let replica: ReturnType<typeof aReplica>
let signer: Signer
beforeAll(async () => {
  db = await openTestDatabase()
  replica = aReplica(db)
  await replica.refresh()
  signer = replica.signer() as Signer
})
afterAll(() => db.close())

const read = (token: string, at = now) => readLink(token, replica, at)
const claims = { aud: '/k', sub: 'Zk3vQ9aB', gen: 3, path: '/echo', exp: now / 1000 + 60 }
/** Signed by this service itself, with something wrong. */
const sign = (payload: object, header: object = {}) =>
  new SignJWT(payload as JWTPayload)
    .setProtectedHeader({ alg: 'ES256', kid: signer.kid, typ: 'link+jwt', ...header })
    .sign(signer.key)

/** Claims that `JSON.stringify` would not write. */
const signText = (text: string) =>
  new CompactSign(new TextEncoder().encode(text))
    .setProtectedHeader({ alg: 'ES256', kid: signer.kid, typ: 'link+jwt' })
    .sign(signer.key)

test('a link is read as it was signed, by any replica', async () => {
  const other = aReplica(db)
  await other.refresh()

  expect(await readLink(await signLink(aLink, signer), other, now)).toEqual(aLink)
})

test('a link ends to the millisecond', async () => {
  const token = await signLink(aLink, signer)

  expect(await read(token, now + 1233)).toEqual(aLink)
  expect(await read(token, now + 1234)).toBeNull()
})

describe('is no link:', () => {
  test.each<[string, () => Promise<string>]>([
    ['one for something else', () => sign({ ...claims, aud: 'echo' })],
    ['one for nothing', () => sign({ ...claims, aud: undefined })],
    ['another type', () => sign(claims, { typ: 'assertion+jwt' })],
    ['no type', () => sign(claims, { typ: undefined })],
    ['a plain JWT', () => sign(claims, { typ: 'JWT' })],
    ['one without an end', () => sign({ ...claims, exp: undefined })],
    [
      'one that never ends',
      () => signText('{"aud":"/k","sub":"Zk3vQ9aB","gen":3,"path":"/echo","exp":1e999}'),
    ],
    ['one whose end is a text', () => sign({ ...claims, exp: '9999999999' })],
    ['one without a path', () => sign({ ...claims, path: undefined })],
    ['one without a key', () => sign({ ...claims, sub: undefined })],
    ['one without a generation', () => sign({ ...claims, gen: undefined })],
    ['one that names no signer', () => sign(claims, { kid: undefined })],
    ['one that names an unknown signer', () => sign(claims, { kid: 'unknown' })],
  ])('%s', async (_what, token) => {
    expect(await read(await sign(claims))).toMatchObject({ path: '/echo' })

    expect(await read(await token())).toBeNull()
  })

  test('the classic forgeries: none, and the public key as the secret of an HMAC', async () => {
    const [jwk] = replica.published() ?? []
    const header = { alg: 'HS256', kid: signer.kid, typ: 'link+jwt' }
    const asSecret = new TextEncoder().encode(JSON.stringify(jwk))
    const forgeries = [
      new UnsecuredJWT(claims).encode(),
      await new SignJWT(claims).setProtectedHeader(header).sign(asSecret),
    ]

    for (const token of forgeries) {
      expect(isWrittenAsLink(token)).toBe(false)
      expect(await read(token)).toBeNull()
    }
  })

  test('what somebody else signed, with their key in the header', async () => {
    const { publicKey, privateKey } = await crypto.subtle.generateKey(
      { name: 'ECDSA', namedCurve: 'P-256' },
      true,
      ['sign', 'verify'],
    )
    const header = { alg: 'ES256', kid: signer.kid, typ: 'link+jwt', jwk: await exportJWK(publicKey) }
    const own = await importJWK(await exportJWK(privateKey), 'ES256')

    expect(await read(await new SignJWT(claims).setProtectedHeader(header).sign(own))).toBeNull()
  })

  test('an assertion', async () => {
    const { headersFor } = createAssertions({
      ...{ prefix: 'Latchkey', issuer: 'http://latchkey.test', keyring: replica, clock: () => now },
    })
    const headers = await headersFor(aPrincipal(), '/k')
    const assertion = headers['Latchkey-Assertion'] ?? ''

    expect(assertion).not.toBe('')
    expect(isWrittenAsLink(assertion)).toBe(false)
    expect(await read(assertion)).toBeNull()
  })
})

test('without the keys nobody knows whether it is one', async () => {
  const newcomer = aReplica({ ...db, query: () => Promise.reject(new Error('away')) }, { secrets: [secret] })

  await expect(readLink(await signLink(aLink, signer), newcomer, now)).rejects.toThrow('cannot be read')
})
