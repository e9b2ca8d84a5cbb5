import { describe, expect, test } from 'vitest'
import { CachedOwners } from '../../src/keys/cached-owners.js'
import { aRow } from './stored-rows.js'

const at = (ms: number) => ({ known_at: new Date(ms) })

test('keys of one owner share what is known of them', () => {
  const owners = new CachedOwners()

  const first = owners.take(aRow(at(2000)))
  const second = owners.take(aRow({ id: 'another0', ...at(1000) }))

  expect(second).toBe(first)
  expect(first).toMatchObject({ subject: 'alice-id', login: 'alice', knownAt: 2000, keys: 2 })
  expect(first).toMatchObject({ isEnabled: true, isOutdated: false, usedAt: 0 })
})

test('what is known of an owner cannot be changed by whoever is told', () => {
  const owner = new CachedOwners().take(aRow({ attributes: { team: 'a' } }))

  expect([Object.isFrozen(owner.rights), Object.isFrozen(owner.attributes)]).toEqual([true, true])
})

describe('an owner who was read with another', () => {
  test.each([
    ['login', { login: 'alice2' }],
    ['name', { owner_name: 'Alice' }],
    ['e-mail address', { email: 'alice@example.test' }],
    ['standing', { owner_enabled: false }],
    ['right more', { rights: ['read', 'write', 'x'] }],
    ['right less', { rights: ['read'] }],
    ['right instead', { rights: ['read', 'x'] }],
    ['attribute', { attributes: { team: 'a' } }],
  ])('%s than before takes the older knowledge out of use', (_what, facts) => {
    const owners = new CachedOwners()
    const before = owners.take(aRow())
    before.usedAt = 7

    const after = owners.take(aRow(facts))

    expect(after).not.toBe(before)
    expect([before.isOutdated, after.isOutdated]).toEqual([true, false])
    expect(after).toMatchObject({ keys: 1, usedAt: 7 })
  })
})

test('an owner is forgotten with the last of their keys', () => {
  const owners = new CachedOwners()
  const owner = owners.take(aRow())
  owners.take(aRow({ id: 'another0' }))

  owners.release(owner)
  expect(owners.take(aRow())).toBe(owner)
  owners.release(owner)
  owners.release(owner)

  expect(owners.take(aRow())).not.toBe(owner)
})

test('the last key of older knowledge does not take the newer away', () => {
  const owners = new CachedOwners()
  const before = owners.take(aRow())
  const after = owners.take(aRow({ login: 'alice2' }))

  owners.release(before)

  expect(owners.take(aRow({ login: 'alice2' }))).toBe(after)
})

test('a change of an owner is one for look-ups under way, for those before, and for nobody else', () => {
  const owners = new CachedOwners()
  const owner = owners.take(aRow())
  const other = owners.take(aRow({ subject: 'bob-id' }))
  const before = owners.now()

  owners.invalidate('alice-id')
  const after = owners.now()

  expect([owner.isOutdated, other.isOutdated]).toEqual([true, false])
  expect(owners.hasChangedSince('alice-id', before)).toBe(true)
  expect(owners.hasChangedSince('alice-id', after)).toBe(false)
  expect(owners.hasChangedSince('bob-id', before)).toBe(false)
  expect(owners.take(aRow())).not.toBe(owner)
})

test('a change of an owner whom nobody knows is one as well', () => {
  const owners = new CachedOwners()
  const before = owners.now()

  owners.invalidate('alice-id')

  expect(owners.hasChangedSince('alice-id', before)).toBe(true)
})

test('more changes than are remembered count as changes of everybody', () => {
  const owners = new CachedOwners()
  const before = owners.now()
  for (let at = 0; at < 10_000; at++) owners.invalidate(`person-${at}`)
  expect(owners.hasChangedSince('alice-id', before)).toBe(false)

  const late = owners.now()
  owners.invalidate('person-0')
  const after = owners.now()

  expect(owners.hasChangedSince('alice-id', before)).toBe(true)
  expect(owners.hasChangedSince('alice-id', late)).toBe(true)
  expect(owners.hasChangedSince('alice-id', after)).toBe(false)
  expect(owners.hasChangedSince('person-0', after)).toBe(false)
})

test('what the identity provider confirms is as new as it says, also after a clock that was ahead', () => {
  const owners = new CachedOwners()
  const owner = owners.take(aRow(at(1000)))

  owners.confirm('nobody', 9000)
  owners.confirm('alice-id', 3000)
  expect(owner.knownAt).toBe(3000)
  owners.confirm('alice-id', 2000)
  expect(owner.knownAt).toBe(2000)
})

test('of the owners those are followed who are people and whose keys were used since then', () => {
  const owners = new CachedOwners()
  const used = (subject: string, usedAt: number, kind: 'user' | 'server' = 'user') => {
    owners.take(aRow({ subject, kind })).usedAt = usedAt
  }
  used('early', 999)
  used('just', 1000)
  used('late', 2000)
  used('machine', 2000, 'server')

  expect(owners.usedSince(1000)).toEqual(['just', 'late'])
})
