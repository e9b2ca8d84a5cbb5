import { SignJWT } from 'jose'
import { beforeEach, describe, expect, test } from 'vitest'
import { type OwnerWatch, trustLastLogin } from '../../src/auth/owner-watch.js'
import { sealedFor } from '../../src/keys/signed-tokens.js'
import { hashValue, secretOf } from '../../src/keys/value.js'
import { createKeyVerifier, type KeyVerifier, type KeyVerifierOptions } from '../../src/keys/verify.js'
import { createSealer, type Sealer } from '../../src/secrets/sealing.js'
import type { VerificationRow } from '../../src/store/keys.js'
import { StoreUnavailable } from '../../src/store/unavailable.js'
import { aUsage } from '../support/usage.js'
import { aRow, aValueOf, type StoredRows, storedRows } from './stored-rows.js'

// As key-jwt.test.ts, which asks the whole service, but with a store whose answers the test holds back and fails.

const id = 'Zk3vQ9aB'
const value = aValueOf(id)
const oldValue = aValueOf(id, 2)
const start = Date.UTC(2026, 10, 21, 12)
const sealer = createSealer(['a secret of the operator']) as Sealer

type Use = [id: string, at: number, address: string] | [hash: string, at: number]

let store: StoredRows
let now: number
let waitSeconds: number
let refusals: string[]
let uses: Use[]
beforeEach(() => {
  store = storedRows(aSigningRow(), aRow({ id: 'notSigns' }))
  now = start
  waitSeconds = 0
  refusals = []
  uses = []
})

const seal = (of: string, boundTo = id) =>
  sealer.seal(Buffer.from(secretOf(of)).toString('base64url'), sealedFor(boundTo))
// Once, because the same secret is sealed to another text each time.
const sealed = await seal(value)
const aSigningRow = (facts: Partial<VerificationRow> = {}) => aRow({ sealed_secrets: [sealed], ...facts })
/** With a value that serves for one more second, beside the current one. */
const aRotatedRow = async () =>
  aRow({
    hashes: [value, oldValue].map(hashValue),
    valid_untils: [null, new Date(start + 1000)],
    sealed_secrets: [sealed, await seal(oldValue)],
  })

const aVerifier = (options: Partial<KeyVerifierOptions> = {}) =>
  createKeyVerifier({
    db: store.db,
    prefix: 'lk',
    sealer,
    usage: aUsage({
      record: (keyId, at, address) => void uses.push([keyId, at, address]),
      recordOldValue: (hash, at) => void uses.push([hash.toString('hex'), at]),
    }),
    refusals: { retryAfterSeconds: () => waitSeconds, count: (address) => refusals.push(address) },
    maxStaleMs: 60_000,
    clock: () => now,
    ...options,
  })

const sign = (claims: Record<string, unknown> = {}, by = value) =>
  new SignJWT({ iss: id, ...claims })
    .setProtectedHeader({ alg: 'HS256' })
    .sign(new TextEncoder().encode(secretOf(by)))
const check = async (verifier: KeyVerifier, token: string) => await verifier.verifyToken(token, '192.0.2.1')
const kindOf = async (verifier: KeyVerifier, token: string) => (await check(verifier, token)).kind

describe('a token that was not seen before', () => {
  test('is accepted by its signature, and counts for no address', async () => {
    expect(await check(aVerifier(), await sign())).toMatchObject({
      kind: 'accepted',
      principal: { login: 'alice', via: 'key-jwt', keyId: id },
    })
    expect(refusals).toEqual([])
  })

  test('is refused where nothing opens the secrets of keys', async () => {
    expect(await check(aVerifier({ sealer: null }), await sign())).toEqual({ kind: 'refused' })
  })

  test.each<[string, () => Promise<string>]>([
    ['that another secret signed', () => sign({}, oldValue)],
    ['that is over', () => sign({ exp: start / 1000 - 6 })],
    ['of a key that signs nothing', () => sign({ iss: 'notSigns' })],
    ['of a key that there is not', () => sign({ iss: 'unknown0' })],
  ])('%s is refused, and counted for its address', async (_case, make) => {
    expect(await check(aVerifier(), await make())).toEqual({ kind: 'refused' })
    expect(refusals).toEqual(['192.0.2.1'])
  })

  test.each<[string, () => Promise<string>]>([
    ['that names no key', () => sign({ iss: 7 })],
    ['that names what no key can be called', () => sign({ iss: '../x' })],
    ['that is too long', () => sign({ more: 'x'.repeat(16_384) })],
    ['that is none', async () => 'eyJ.x.y'],
  ])('%s is refused without a question', async (_case, make) => {
    expect(await check(aVerifier(), await make())).toEqual({ kind: 'refused' })
    expect([store.asked, refusals]).toEqual([[], []])
  })

  test('of a key that is known not to be is refused without a question', async () => {
    const [verifier, token] = [aVerifier(), await sign({ iss: 'unknown0' })]
    await check(verifier, token)
    now += 4999

    expect(await kindOf(verifier, token)).toBe('refused')
    expect([store.asked, refusals]).toEqual([[['unknown0']], ['192.0.2.1']])
  })

  test('must wait with its address, but one that was seen before need not', async () => {
    const verifier = aVerifier()
    const [seen, unseen] = [await sign(), await sign({ jti: 'another' })]
    await check(verifier, seen)
    waitSeconds = 7

    expect(await check(verifier, unseen)).toEqual({ kind: 'throttled', retryAfterSeconds: 7 })
    expect(await kindOf(verifier, seen)).toBe('accepted')
  })

  test('asks for its key once, and again when what was read is old', async () => {
    const verifier = aVerifier()
    await check(verifier, await sign({ jti: '1' }))
    await check(verifier, await sign({ jti: '2' }))
    expect(store.asked).toHaveLength(1)
    now += 5000

    expect(await kindOf(verifier, await sign({ jti: '3' }))).toBe('accepted')
    expect(store.asked).toHaveLength(2)
  })
})

describe('a token that was accepted', () => {
  test('is accepted at once, from memory', async () => {
    const [verifier, token] = [aVerifier(), await sign()]
    await check(verifier, token)

    expect(verifier.verifyToken(token, '192.0.2.1')).toMatchObject({ kind: 'accepted' })
    expect(store.asked).toHaveLength(1)
  })

  test('is looked at again after a minute, at its end, and where the clock was set back', async () => {
    const [verifier, token] = [aVerifier({ freshMs: 60_000 }), await sign({ exp: start / 1000 + 30 })]
    const isRemembered = () => !(verifier.verifyToken(token, '192.0.2.1') instanceof Promise)
    const forEver = await sign()
    await check(verifier, token)
    await check(verifier, forEver)

    now = start + 29_999
    expect(isRemembered()).toBe(true)
    now = start + 30_000
    expect(isRemembered()).toBe(false)
    now = start - 1
    expect(isRemembered()).toBe(false)
    now = start + 59_999
    expect(verifier.verifyToken(forEver, '192.0.2.1')).toMatchObject({ kind: 'accepted' })
    now = start + 60_000
    expect(verifier.verifyToken(forEver, '192.0.2.1')).toBeInstanceOf(Promise)
  })

  test.each<[string, Partial<VerificationRow>]>([
    ['is revoked', { revoked_at: new Date(start) }],
    ['is disabled', { enabled: false }],
    ['is over', { expires_at: new Date(start) }],
    ['signs no more', { sealed_secrets: null }],
    ['has another secret', { sealed_secrets: ['another'] }],
  ])('is refused once its key %s', async (_case, facts) => {
    const [verifier, token] = [aVerifier(), await sign()]
    await check(verifier, token)

    store.rows.set(id, aSigningRow(facts))
    verifier.invalidate(id)

    expect(await check(verifier, token)).toEqual({ kind: 'refused' })
  })

  test('is refused once its key is deleted, and costs its address nothing', async () => {
    const [verifier, token] = [aVerifier(), await sign()]
    await check(verifier, token)
    store.rows.delete(id)
    verifier.invalidate(id)

    expect(await check(verifier, token)).toEqual({ kind: 'refused' })
    expect(refusals).toEqual([])
  })
})

describe('a rotated key', () => {
  test('accepts what each secret signed for as long as that one serves, and notes the old one', async () => {
    store.rows.set(id, await aRotatedRow())
    const verifier = aVerifier()
    const [current, old] = [await sign(), await sign({}, oldValue)]
    for (const token of [current, old]) {
      const verdict = await check(verifier, token)
      if (verdict.kind === 'accepted') verdict.recordUse?.(now, '192.0.2.1', 'curl')
    }
    expect(uses).toEqual([
      [id, start, '192.0.2.1'],
      [id, start, '192.0.2.1'],
      [hashValue(oldValue).toString('hex'), start],
    ])

    now = start + 999
    expect([await kindOf(verifier, current), await kindOf(verifier, old)]).toEqual(['accepted', 'accepted'])
    now = start + 1000
    expect([await kindOf(verifier, current), await kindOf(verifier, old)]).toEqual(['accepted', 'refused'])
  })
})

describe('nobody can tell', () => {
  test('while the database cannot be asked, but of tokens whose key is held', async () => {
    const [verifier, seen, unseen] = [aVerifier(), await sign(), await sign({ jti: 'another' })]
    await check(verifier, seen)
    store.failure = new StoreUnavailable(new Error('down'))
    now += 5000

    expect(await check(verifier, seen)).toMatchObject({ kind: 'accepted', isStale: true })
    expect(await check(verifier, unseen)).toMatchObject({ kind: 'accepted', isStale: true })
    expect(await check(verifier, await sign({ iss: 'other000' }))).toMatchObject({ kind: 'unavailable' })
    expect(refusals).toEqual([])
  })

  test('of a secret that was sealed for another key', async () => {
    store.rows.set(id, aSigningRow({ sealed_secrets: [await seal(value, 'other000')] }))

    expect(await check(aVerifier(), await sign())).toMatchObject({
      kind: 'unavailable',
      cause: { name: 'SealBroken' },
    })
    expect(refusals).toEqual([])
  })
})

describe('a change while the signature is being verified', () => {
  /** Opens secrets when the returned function is called. */
  function aSlowSealer() {
    let release = () => {}
    const gate = new Promise<void>((resolve) => {
      release = resolve
    })
    const slow: Sealer = {
      seal: sealer.seal,
      open: async (...sealed) => {
        await gate
        return sealer.open(...sealed)
      },
    }
    return { slow, release: () => release() }
  }

  test.each<[string, Partial<VerificationRow>, string]>([
    ['that revokes the key admits nobody', { revoked_at: new Date(start) }, 'refused'],
    ['of something else leaves the token good', { scopes: ['read'] }, 'accepted'],
  ])('%s', async (_case, facts, kind) => {
    const { slow, release } = aSlowSealer()
    const verifier = aVerifier({ sealer: slow })
    // The key is in memory, so that only the secret is waited for.
    await verifier.verify(value, '192.0.2.1')
    const early = check(verifier, await sign())
    store.rows.set(id, aSigningRow(facts))
    verifier.invalidate(id)
    release()

    expect((await early).kind).toBe(kind)
    expect(store.asked).toHaveLength(2)
  })
})

test('a token whose owner is disabled, or must be asked for, is decided as for values', async () => {
  const owners = (facts: Partial<OwnerWatch>) => ({ owners: { ...trustLastLogin, ...facts } })
  const token = await sign()

  expect(await kindOf(aVerifier(owners({ isDisabled: () => true })), token)).toBe('refused')
  expect(await kindOf(aVerifier(owners({ standing: () => 'unknown' })), token)).toBe('unavailable')
})
