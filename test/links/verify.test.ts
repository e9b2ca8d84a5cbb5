import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Keyring, Signer } from '../../src/assertion/keyring.js'
import { createKeyVerifier } from '../../src/keys/verify.js'
import { AddressRate } from '../../src/limits/address-rate.js'
import { signLink } from '../../src/links/token.js'
import { createLinkVerifier } from '../../src/links/verify.js'
import { createUsageCounter } from '../../src/usage/counter.js'
import { aReplica } from '../assertion/world.js'
import { aRow, storedRows } from '../keys/stored-rows.js'
import { openWatchedDatabase, type WatchedDatabase } from '../support/watched-database.js'

const now = Date.parse('2026-11-21T12:00:00.000Z')
const call = '192.0.2.1'

let db: WatchedDatabase
let signer: Signer
let signatures = 0
let time = now
beforeAll(async () => {
  db = await openWatchedDatabase()
})
beforeEach(async () => {
  db.isDown = false
  signatures = 0
  time = now
})
afterAll(() => db.close())

/** A replica that counts the signatures that it looks at, with one key in the far database. */
async function aVerifier(options: { maxCached?: number } = {}) {
  const replica = aReplica(db)
  await replica.refresh()
  signer = replica.signer() as Signer
  const stored = storedRows(aRow({ link_generation: 3 }))
  const clock = () => time
  const refusals = new AddressRate({ perMinute: 100, clock })
  const usage = createUsageCounter({ db, onError: () => {} })
  const keys = createKeyVerifier({ db: stored.db, prefix: 'lk', usage, refusals, maxStaleMs: 30_000, clock })
  const keyring: Pick<Keyring, 'verifier'> = {
    verifier: (kid) => {
      signatures += 1
      return replica.verifier(kid)
    },
  }
  return { verify: createLinkVerifier({ keyring, keys, refusals, clock, ...options }), stored }
}
const aLink = (more: object = {}) =>
  signLink({ keyId: 'Zk3vQ9aB', generation: 3, path: '/echo', endsAt: now + 3_600_000, ...more }, signer)

test('thousands of tiles cost one signature, and no promise after the first', async () => {
  const { verify, stored } = await aVerifier()
  const token = await aLink()

  const first = await Promise.all(Array.from({ length: 500 }, () => verify(token, call)))
  const then = Array.from({ length: 500 }, () => verify(token, call))

  expect(new Set([...first, ...then].map((verdict) => 'kind' in verdict && verdict.kind))).toEqual(
    new Set(['accepted']),
  )
  expect(new Set(then).size).toBe(1)
  expect(signatures).toBe(1)
  expect(stored.asked).toHaveLength(1)
})

test('a signature is looked at again after a minute, and when the clock was set back', async () => {
  const { verify } = await aVerifier()
  const token = await aLink()
  await verify(token, call)

  time = now + 59_999
  await verify(token, call)
  expect(signatures).toBe(1)
  time = now + 60_000
  await verify(token, call)
  expect(signatures).toBe(2)
  time = now
  await verify(token, call)
  expect(signatures).toBe(3)
})

test('a link in use is not held up by whoever guesses from its address, one that has ended is', async () => {
  const { verify } = await aVerifier()
  const token = await aLink()
  await verify(token, call)
  const forged = async (at: number) => `${(await aLink({ path: `/${at}` })).slice(0, -10)}AAAAAAAAAA`
  const guesses = await Promise.all(Array.from({ length: 100 }, (_, at) => forged(at)))
  time = now + 60_000

  for (const guess of guesses) await verify(guess, call)

  expect(await verify(await aLink(), call)).toMatchObject({ kind: 'throttled' })
  expect(await verify(token, call)).toMatchObject({ kind: 'accepted' })
  time = now + 3_600_000
  for (const guess of guesses) await verify(guess, call)
  expect(await verify(token, call)).toMatchObject({ kind: 'throttled' })
})

test('links that push each other out of memory are each checked, and none is taken for another', async () => {
  const { verify } = await aVerifier({ maxCached: 2 })
  const links = await Promise.all(['/a', '/b', '/c', '/d'].map((path) => aLink({ path })))

  const verdicts = []
  for (const token of [...links, ...links]) verdicts.push(await verify(token, call))

  expect(verdicts.map((verdict) => verdict.kind === 'accepted' && verdict.key?.linkedPath)).toEqual([
    ...['/a', '/b', '/c', '/d'],
    ...['/a', '/b', '/c', '/d'],
  ])
})

test('no other token with the signature of a link in use is taken for it', async () => {
  const { verify } = await aVerifier()
  const token = await aLink()
  const [header = '', payload = '', signature = ''] = token.split('.')
  const wider = Buffer.from(Buffer.from(payload, 'base64url').toString().replace('/echo', '/')).toString(
    'base64url',
  )
  const before = await verify(token, call)

  const forged = [[header, wider, signature].join('.'), `${header}.${signature}`, signature, `.${token}`]
  const verdicts = await Promise.all(forged.map((other) => verify(other, call)))

  expect(before).toMatchObject({ kind: 'accepted' })
  expect(verdicts).toEqual(forged.map(() => ({ kind: 'refused' })))
  expect(await verify(token, call)).toBe(before)
})

test('the link of an earlier generation, and that of an unknown key, open nothing', async () => {
  const { verify } = await aVerifier()

  const verdicts = await Promise.all([
    verify(await aLink({ generation: 2 }), call),
    verify(await aLink({ generation: 4 }), call),
    verify(await aLink({ keyId: 'unknown1' }), call),
  ])

  expect(verdicts).toEqual([{ kind: 'refused' }, { kind: 'refused' }, { kind: 'refused' }])
})

test('where nobody knows who signed it, or what became of its key, nobody can tell', async () => {
  const { verify, stored } = await aVerifier()
  const verifyByNewcomer = createLinkVerifier({
    keyring: aReplica(db),
    keys: { verifyBy: () => ({ kind: 'refused' }) },
    refusals: new AddressRate({ perMinute: 1, clock: () => time }),
    clock: () => time,
  })
  const token = await aLink()
  db.isDown = true
  stored.failure = new Error('away')

  expect(await verify(token, call)).toMatchObject({ kind: 'unavailable' })
  expect(await verifyByNewcomer(token, call)).toMatchObject({ kind: 'unavailable' })
  // What nobody could tell is no guess.
  expect(await verifyByNewcomer(token, call)).toMatchObject({ kind: 'unavailable' })
})
