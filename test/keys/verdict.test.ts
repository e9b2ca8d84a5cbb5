import { beforeEach, describe, expect, test, vi } from 'vitest'
import { type OwnerWatch, type Standing, trustLastLogin } from '../../src/auth/owner-watch.js'
import {
  createKeyVerifier,
  type Judge,
  type KeyVerifier,
  type KeyVerifierOptions,
} from '../../src/keys/verify.js'
import { StoreUnavailable } from '../../src/store/unavailable.js'
import { aUsage } from '../support/usage.js'
import { aRow, aValueOf, type StoredRows, storedRows } from './stored-rows.js'

const id = 'Zk3vQ9aB'
const otherId = 'another0'
const value = aValueOf(id)
const otherValue = aValueOf(otherId)
const wrongValue = aValueOf(id, 2)
const unknownValue = aValueOf('unknown0')
const start = Date.UTC(2026, 10, 21, 12)

let store: StoredRows
let now: number
let waitSeconds: number
let refusals: string[]
beforeEach(() => {
  store = storedRows(aRow(), aRow({ id: otherId }), aRow({ id: 'ofBob000', subject: 'bob-id' }))
  now = start
  waitSeconds = 0
  refusals = []
})

const aVerifier = (options: Partial<KeyVerifierOptions> = {}) =>
  createKeyVerifier({
    db: store.db,
    prefix: 'lk',
    usage: aUsage(),
    refusals: { retryAfterSeconds: () => waitSeconds, count: (address) => refusals.push(address) },
    maxStaleMs: 60_000,
    clock: () => now,
    ...options,
  })
const check = async (verifier: KeyVerifier, presented = value) =>
  await verifier.verify(presented, '192.0.2.1')
const kindOf = async (verifier: KeyVerifier, presented = value) => (await check(verifier, presented)).kind
/** Whether the check asks the database. */
async function asks(verifier: KeyVerifier, presented = value): Promise<boolean> {
  const before = store.asked.length
  await check(verifier, presented)
  return store.asked.length > before
}
const isDown = () => new StoreUnavailable(new Error('down'))

describe('what cannot be a key is refused without a look-up, and costs its address nothing', () => {
  test.each([
    ['another shape', 'lk_x'],
    ['another prefix, with a good checksum', aValueOf(id, 1, 'kl')],
    ['a wrong checksum', value.replace(/.$/, (last) => (last === '0' ? '1' : '0'))],
  ])('%s', async (_case, presented) => {
    expect(await check(aVerifier(), presented)).toEqual({ kind: 'refused' })
    expect([store.asked, refusals]).toEqual([[], []])
  })

  test('a wrong checksum, where the key is known but must be read again', async () => {
    const verifier = aVerifier()
    await check(verifier)
    now += 5000

    expect(await asks(verifier, value.replace(/.$/, '!'))).toBe(false)
  })
})

describe('a key that was read', () => {
  test.each<[string, Partial<KeyVerifierOptions>, number]>([
    ['for five seconds', {}, 5000],
    ['for as long as the operator says', { freshMs: 1000 }, 1000],
    ['for no longer than it may be stale', { maxStaleMs: 2000 }, 2000],
  ])('serves %s, and no longer when the clock is set back', async (_case, options, freshMs) => {
    const verifier = aVerifier(options)
    expect(await kindOf(verifier)).toBe('accepted')

    now = start + freshMs - 1
    expect(verifier.verify(value, '192.0.2.1')).toMatchObject({ kind: 'accepted' })
    now = start - freshMs + 1
    expect(await asks(verifier)).toBe(false)
    now = start - freshMs
    expect(await asks(verifier)).toBe(true)
    now += freshMs
    expect(await asks(verifier)).toBe(true)
  })

  test('serves for as long as notices are known to arrive', async () => {
    const verifier = aVerifier()
    store.notices.silentForMs = 0
    await check(verifier)
    now += 3_600_000

    expect(await asks(verifier)).toBe(false)
    store.notices.silentForMs = 4999
    expect(await asks(verifier)).toBe(false)
    store.notices.silentForMs = 5000
    expect(await asks(verifier)).toBe(true)
  })

  test('does not serve once notices may have been missed', async () => {
    const verifier = aVerifier()
    store.notices.silentForMs = 0
    await check(verifier)
    now += 5000
    store.notices.epoch += 1

    expect(await asks(verifier)).toBe(true)
    now += 5000
    expect(await asks(verifier)).toBe(false)
  })

  test('is as old as the question, however late the answer', async () => {
    const verifier = aVerifier()
    store.notices.silentForMs = 0
    const answer = store.hold()
    const first = check(verifier)
    now += 5000
    store.notices.epoch += 1
    answer()
    await first

    expect(await asks(verifier)).toBe(true)
  })

  test('makes room for others when too many are remembered', async () => {
    const verifier = aVerifier({ maxCached: 1 })
    await check(verifier)
    await check(verifier, otherValue)

    expect(await asks(verifier, otherValue)).toBe(false)
    expect(await asks(verifier)).toBe(true)
  })

  test('is refused from memory with a wrong secret, and costs the address nothing', async () => {
    const verifier = aVerifier()
    await check(verifier)

    expect(await asks(verifier, wrongValue)).toBe(false)
    now += 5000
    expect(await kindOf(verifier, wrongValue)).toBe('refused')
    expect(refusals).toEqual([])
  })

  test('is gone at the next look when it was deleted', async () => {
    const verifier = aVerifier()
    await check(verifier)
    store.rows.delete(id)
    now += 5000

    expect(await check(verifier)).toEqual({ kind: 'refused' })
    expect(await asks(verifier)).toBe(false)
  })
})

describe('what is remembered is dropped', () => {
  test.each<[string, (verifier: KeyVerifier) => void, string[]]>([
    ['of a key', (verifier) => verifier.invalidate(id), [value]],
    ['of a key that another replica tells of', () => store.tell({ key: id }), [value]],
    ['of all keys of an owner', (verifier) => verifier.invalidateOwner('alice-id'), [value, otherValue]],
    [
      'of all keys of an owner whom another replica tells of',
      () => store.tell({ owner: 'alice-id' }),
      [value, otherValue],
    ],
  ])('%s, and of no other', async (_case, drop, dropped) => {
    const verifier = aVerifier()
    const all = [value, otherValue, aValueOf('ofBob000')]
    for (const one of all) await check(verifier, one)

    drop(verifier)

    for (const one of all) expect(await asks(verifier, one)).toBe(dropped.includes(one))
  })
})

describe('a change while the key is being read', () => {
  test.each<[string, (verifier: KeyVerifier) => void]>([
    ['of the key', (verifier) => verifier.invalidate(id)],
    ['of its owner', (verifier) => verifier.invalidateOwner('alice-id')],
  ])('%s admits nobody by what was read before', async (_case, change) => {
    const verifier = aVerifier()
    const answer = store.hold()
    const early = check(verifier)
    store.rows.set(id, aRow({ revoked_at: new Date(now), owner_enabled: false }))
    change(verifier)
    answer()

    expect(await early).toEqual({ kind: 'refused' })
    expect(await check(verifier)).toEqual({ kind: 'refused' })
    expect(store.asked).toHaveLength(2)
  })

  test('does not make who comes later wait for the look-up of before', async () => {
    const verifier = aVerifier()
    const answer = store.hold()
    const early = check(verifier)
    await untilAsked(1)
    verifier.invalidate(id)
    const later = check(verifier)
    answer()

    expect([(await early).kind, (await later).kind]).toEqual(['accepted', 'accepted'])
    expect(store.asked).toEqual([[id], [id]])
  })
})

/** Look-ups gather within a turn of the event loop before the store is asked. */
const untilAsked = (times: number) =>
  vi.waitFor(() => expect(store.asked).toHaveLength(times), { interval: 1 })

test('a hundred first uses at once cost one look-up, and so do a hundred after a failure', async () => {
  const verifier = aVerifier()
  store.failure = new Error('broken row')
  const hundred = () => Promise.all(Array.from({ length: 100 }, () => kindOf(verifier)))

  expect(new Set(await hundred())).toEqual(new Set(['unavailable']))
  store.failure = null
  expect(new Set(await hundred())).toEqual(new Set(['accepted']))
  expect(store.asked).toHaveLength(2)
})

test('a failed look-up from before a change does not end the one after it', async () => {
  const verifier = aVerifier()
  const failEarly = store.hold()
  store.failure = new Error('broken connection')
  const early = check(verifier)
  await untilAsked(1)
  verifier.invalidate(id)
  store.failure = null
  const answerLater = store.hold()
  const later = check(verifier)
  await untilAsked(2)
  failEarly()
  expect((await early).kind).toBe('unavailable')

  const latest = check(verifier)
  answerLater()

  expect([(await later).kind, (await latest).kind]).toEqual(['accepted', 'accepted'])
  expect(store.asked).toHaveLength(2)
})

describe('an unknown key', () => {
  test('is remembered as such for five seconds either way, and counted for its address once', async () => {
    const verifier = aVerifier()
    expect(await check(verifier, unknownValue)).toEqual({ kind: 'refused' })

    now = start + 4999
    expect(await asks(verifier, unknownValue)).toBe(false)
    now = start - 4999
    expect(await asks(verifier, unknownValue)).toBe(false)
    expect(refusals).toEqual(['192.0.2.1'])
    now = start + 5000
    expect(await asks(verifier, unknownValue)).toBe(true)
  })

  test('works as soon as it is made', async () => {
    const verifier = aVerifier()
    await check(verifier, unknownValue)
    store.rows.set('unknown0', aRow({ id: 'unknown0' }))

    verifier.invalidate('unknown0')

    expect(await kindOf(verifier, unknownValue)).toBe('accepted')
  })

  test('a wrong secret of a key that nobody used yet is counted as well, a right one is not', async () => {
    await check(aVerifier(), wrongValue)
    expect(refusals).toEqual(['192.0.2.1'])
    await check(aVerifier())
    expect(refusals).toEqual(['192.0.2.1'])
  })
})

test('an address that must wait is told so for what is not in memory, and for nothing else', async () => {
  const verifier = aVerifier()
  await check(verifier)
  await check(verifier, unknownValue)
  waitSeconds = 7

  expect(await check(verifier, otherValue)).toEqual({ kind: 'throttled', retryAfterSeconds: 7 })
  expect(await kindOf(verifier)).toBe('accepted')
  expect(await kindOf(verifier, unknownValue)).toBe('refused')
  now += 5000
  expect(await kindOf(verifier)).toBe('accepted')
})

describe('while the database cannot be asked', () => {
  test('whoever waits for it waits as long as the operator says, and not a moment only', async () => {
    const answer = store.hold()
    const patient = check(aVerifier())
    const impatient = check(aVerifier({ patienceMs: 20 }))

    expect(await impatient).toMatchObject({ kind: 'unavailable', cause: { name: 'StoreUnavailable' } })
    answer()
    expect((await patient).kind).toBe('accepted')
  })

  test('one request a second finds that out for all, either way of the clock', async () => {
    const verifier = aVerifier()
    const failure = isDown()
    store.failure = failure
    expect(await check(verifier)).toEqual({ kind: 'unavailable', cause: failure })

    now = start + 999
    expect(await asks(verifier)).toBe(false)
    expect(await check(verifier)).toMatchObject({
      kind: 'unavailable',
      cause: {
        name: 'RecentFailure',
        message: 'The database could not be asked a moment ago',
      },
    })
    now = start - 999
    expect(await asks(verifier)).toBe(false)
    now = start + 1000
    expect(await asks(verifier)).toBe(true)
    store.failure = null
    now = start + 2000
    expect(await kindOf(verifier)).toBe('accepted')
    expect(await kindOf(verifier, otherValue)).toBe('accepted')
    expect(refusals).toEqual([])
  })

  test('a failure of one look-up alone keeps no other from asking', async () => {
    const verifier = aVerifier()
    store.failure = new Error('broken row')
    await check(verifier)

    expect(await asks(verifier, otherValue)).toBe(true)
  })

  test('keys in use go on until they are too old, and end at their own end', async () => {
    store.rows.set(otherId, aRow({ id: otherId, expires_at: new Date(start + 30_000) }))
    const verifier = aVerifier()
    await check(verifier)
    await check(verifier, otherValue)
    store.failure = isDown()

    now = start + 29_999
    expect([await kindOf(verifier), await kindOf(verifier, otherValue)]).toEqual(['accepted', 'accepted'])
    now = start + 30_000
    expect([await kindOf(verifier), await kindOf(verifier, otherValue)]).toEqual(['accepted', 'refused'])
    expect(await kindOf(verifier, wrongValue)).toBe('refused')
    now = start + 59_999
    expect(await kindOf(verifier)).toBe('accepted')
    now = start + 60_000
    expect(await kindOf(verifier)).toBe('unavailable')
  })

  test('keys go on from the last proof that notices arrive', async () => {
    const verifier = aVerifier()
    store.notices.silentForMs = 0
    await check(verifier)
    now += 3_600_000
    store.failure = isDown()

    store.notices.silentForMs = 59_999
    expect(await kindOf(verifier)).toBe('accepted')
    store.notices.silentForMs = 60_000
    expect(await kindOf(verifier)).toBe('unavailable')
  })

  test('a key that was changed does not go on', async () => {
    const verifier = aVerifier()
    await check(verifier)
    await check(verifier, otherValue)
    verifier.invalidate(id)
    verifier.invalidateOwner('alice-id')
    store.failure = isDown()

    expect([await kindOf(verifier), await kindOf(verifier, otherValue)]).toEqual([
      'unavailable',
      'unavailable',
    ])
  })
})

describe('where owners are followed at the identity provider', () => {
  const aWatch = (facts: Partial<OwnerWatch>): OwnerWatch => ({ ...trustLastLogin, ...facts })
  /** Answers in this order, the last one for ever. */
  const standings = (...all: Standing[]) => ({
    standing: () => (all.length > 1 ? all.shift() : all[0]) ?? 'current',
  })

  test('a key of somebody who was disabled there is refused, in memory or not', async () => {
    let disabled = ''
    const verifier = aVerifier({ owners: aWatch({ isDisabled: (subject) => subject === disabled }) })
    expect(await kindOf(verifier)).toBe('accepted')

    disabled = 'alice-id'

    expect(await check(verifier)).toEqual({ kind: 'refused' })
    expect(await kindOf(verifier, otherValue)).toBe('refused')
    expect(await kindOf(verifier, aValueOf('ofBob000'))).toBe('accepted')
  })

  test('a server’s key asks nothing of them', async () => {
    store.rows.set(id, aRow({ kind: 'server' }))
    const verifier = aVerifier({ owners: aWatch({ isDisabled: () => true, standing: () => 'unknown' }) })

    expect(await kindOf(verifier)).toBe('accepted')
  })

  test('nobody can tell of an owner who is known too long', async () => {
    const verifier = aVerifier({ owners: aWatch({ standing: () => 'unknown' }) })

    expect(await check(verifier)).toMatchObject({
      kind: 'unavailable',
      cause: {
        name: 'OwnerUnknown',
        message: 'What is known of the owner is too old, and the identity provider cannot be asked',
      },
    })
    expect(await kindOf(verifier, wrongValue)).toBe('refused')
  })

  test('the standing is that of when the owner was known, now', async () => {
    store.rows.set(id, aRow({ known_at: new Date(start - 5) }))
    const seen: number[][] = []
    const verifier = aVerifier({
      owners: aWatch({
        standing: (_subject, knownAt, at) => {
          seen.push([knownAt, at])
          return 'current'
        },
      }),
    })
    await check(verifier)
    verifier.confirmOwner('alice-id', start + 1)
    await check(verifier)

    expect(seen).toEqual([
      [start - 5, start],
      [start + 1, start],
    ])
  })

  test('an owner who must be looked at first is, and then the key is accepted from memory', async () => {
    const looked: string[] = []
    const verifier = aVerifier({
      owners: aWatch({ ...standings('look', 'current'), look: async (subject) => void looked.push(subject) }),
    })

    expect(await kindOf(verifier)).toBe('accepted')
    expect([looked, store.asked]).toEqual([['alice-id'], [[id]]])
    expect(verifier.ownersUsedSince(start)).toEqual(['alice-id'])
  })

  test('a wrong value makes nobody look', async () => {
    const looked: string[] = []
    const verifier = aVerifier({
      owners: aWatch({ standing: () => 'look', look: async (subject) => void looked.push(subject) }),
    })

    expect(await kindOf(verifier, wrongValue)).toBe('refused')
    expect(looked).toEqual([])
  })

  test.each<[string, (verifier: KeyVerifier) => void]>([
    ['the owner is disabled', () => store.rows.set(id, aRow({ owner_enabled: false }))],
    ['the key is revoked', () => store.rows.set(id, aRow({ revoked_at: new Date(start) }))],
    ['the key is deleted', () => store.rows.delete(id)],
  ])('when the look tells that %s, the key is refused', async (_case, change) => {
    const verifier: KeyVerifier = aVerifier({
      owners: aWatch({
        ...standings('look', 'current'),
        look: async () => {
          change(verifier)
          verifier.invalidate(id)
        },
      }),
    })

    expect(await check(verifier)).toEqual({ kind: 'refused' })
    expect(verifier.ownersUsedSince(start)).toEqual([])
  })

  test('when the look tells that the owner is disabled there, the key is refused', async () => {
    let isDisabled = false
    const verifier = aVerifier({
      owners: aWatch({
        ...standings('look', 'current'),
        isDisabled: () => isDisabled,
        look: async () => {
          isDisabled = true
        },
      }),
    })

    expect(await check(verifier)).toEqual({ kind: 'refused' })
  })

  test.each<Standing>(['look', 'unknown'])(
    'when the owner is "%s" after the look, nobody can tell',
    async (standing) => {
      const verifier = aVerifier({ owners: aWatch(standings('look', standing)) })

      expect(await check(verifier)).toMatchObject({ kind: 'unavailable', cause: { name: 'OwnerUnknown' } })
      expect(verifier.ownersUsedSince(start)).toEqual([])
    },
  )

  test('when what is in memory is too old after the look, it is read again', async () => {
    const verifier = aVerifier({
      owners: aWatch({
        ...standings('look', 'current'),
        look: async () => {
          now += 5000
        },
      }),
    })

    expect(await kindOf(verifier)).toBe('accepted')
    expect(store.asked).toEqual([[id], [id]])
  })

  test('when the key cannot be read again after the look, nobody can tell', async () => {
    const verifier: KeyVerifier = aVerifier({
      owners: aWatch({
        ...standings('look', 'current'),
        look: async () => {
          verifier.invalidate(id)
          store.failure = isDown()
        },
      }),
    })

    expect(await check(verifier)).toEqual({ kind: 'unavailable', cause: store.failure })
  })
})

describe('the owners who are followed are those', () => {
  test('whose keys were accepted since then, and are remembered', async () => {
    const verifier = aVerifier({ maxCached: 2 })
    await check(verifier)
    now += 1000
    await check(verifier, aValueOf('ofBob000'))

    expect(verifier.ownersUsedSince(start)).toEqual(['alice-id', 'bob-id'])
    expect(verifier.ownersUsedSince(start + 1)).toEqual(['bob-id'])
    await check(verifier, aValueOf('ofBob000', 2))
    store.rows.set('ofCarol0', aRow({ id: 'ofCarol0', subject: 'carol-id' }))
    await check(verifier, aValueOf('ofCarol0'))
    expect(verifier.ownersUsedSince(start)).toEqual(['bob-id', 'carol-id'])
  })

  test('and not those whose keys were only tried', async () => {
    const verifier = aVerifier()
    await check(verifier, wrongValue)

    expect(verifier.ownersUsedSince(start)).toEqual([])
  })
})

test('what serves while the database cannot be asked says so, and still counts as a use', async () => {
  const used: unknown[] = []
  const verifier = aVerifier({ usage: aUsage({ record: (...use) => void used.push(use) }) })
  const fresh = await check(verifier)
  store.failure = isDown()
  now += 5000
  const stale = await check(verifier)

  expect([fresh.kind, 'isStale' in fresh && fresh.isStale]).toEqual(['accepted', false])
  expect(stale).toMatchObject({
    kind: 'accepted',
    isStale: true,
    principal: { login: 'alice' },
    key: { readOnly: false },
  })
  if (stale.kind === 'accepted') stale.recordUse?.(now, '192.0.2.1', 'curl')
  expect(used).toEqual([[id, now, '192.0.2.1', 'curl']])
})

describe('while keys are switched off', () => {
  test('in the database, every key is refused, and works again when they are on', async () => {
    store.rows.set(id, aRow({ keys_off: true }))
    const verifier = aVerifier()
    expect(await check(verifier)).toEqual({ kind: 'refused' })

    store.rows.set(id, aRow())
    store.tell({ keySwitch: true })

    expect(await kindOf(verifier)).toBe('accepted')
  })

  test('what is being read meanwhile does not open anything', async () => {
    const verifier = aVerifier()
    const answer = store.hold()
    const early = check(verifier)
    await untilAsked(1)
    store.rows.set(id, aRow({ keys_off: true }))
    verifier.invalidateAll()
    answer()

    expect(await early).toEqual({ kind: 'refused' })
  })

  test('by a file, every key is refused without a question; while it says on, the database does not count', async () => {
    store.rows.set(id, aRow({ keys_off: true }))
    const keySwitch = { isOff: true }
    const verifier = aVerifier({ keySwitch })
    expect(await check(verifier)).toEqual({ kind: 'refused' })
    expect(store.asked).toEqual([])

    keySwitch.isOff = false

    expect(await kindOf(verifier)).toBe('accepted')
  })
})

describe('a credential that names a key', () => {
  const open: Judge = (key) => key
  const verifyBy = async (verifier: KeyVerifier, keyId: string, judge = open) =>
    (await verifier.verifyBy(keyId, judge)).kind

  test('is decided about by what is known of the key now', async () => {
    const verifier = aVerifier()
    expect(await verifyBy(verifier, id)).toBe('accepted')
    expect(verifier.verifyBy(id, open)).toMatchObject({ kind: 'accepted' })
    expect(await verifyBy(verifier, id, () => ({ kind: 'refused' }))).toBe('refused')
    expect(store.asked).toHaveLength(1)

    now += 5000
    expect(await verifyBy(verifier, id)).toBe('accepted')
    expect(store.asked).toHaveLength(2)
  })

  test('of a key that is not is refused, and then without a question', async () => {
    const verifier = aVerifier()
    expect(await verifyBy(verifier, 'unknown0')).toBe('refused')
    expect(verifier.verifyBy('unknown0', open)).toEqual({ kind: 'refused' })
    expect(store.asked).toHaveLength(1)
  })
})
