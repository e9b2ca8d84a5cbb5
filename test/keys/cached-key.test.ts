import { describe, expect, test } from 'vitest'
import { CachedKey } from '../../src/keys/cached-key.js'
import { CachedOwners } from '../../src/keys/cached-owners.js'
import { hashValue } from '../../src/keys/value.js'
import type { VerificationRow } from '../../src/store/keys.js'
import { aUsage } from '../support/usage.js'
import { aRow, aValueOf } from './stored-rows.js'

const now = Date.UTC(2026, 10, 21, 12)
const value = aValueOf('Zk3vQ9aB')
const oldValue = aValueOf('Zk3vQ9aB', 2)
const olderValue = aValueOf('Zk3vQ9aB', 3)
const wrongValue = aValueOf('Zk3vQ9aB', 4)

type Use = [
  kind: 'key' | 'old value',
  what: string,
  at: number,
  address?: string,
  userAgent?: string | undefined,
]

function aKey(facts: Partial<VerificationRow> = {}, uses: Use[] = []): CachedKey {
  const row = aRow(facts)
  const usage = aUsage({
    record: (id, at, address, userAgent) => void uses.push(['key', id, at, address, userAgent]),
    recordOldValue: (hash, at) => void uses.push(['old value', hash.toString('hex'), at]),
  })
  return new CachedKey(row, new CachedOwners().take(row), 1, 2, usage)
}

describe('the right value opens a key', () => {
  test.each([
    ['that never ends', {}],
    ['a millisecond before its end', { expires_at: new Date(now + 1) }],
  ])('%s', (_case, facts) => {
    expect(aKey(facts).judge(value, now)).toMatchObject({ kind: 'accepted' })
    expect(aKey(facts).judge(wrongValue, now)).toEqual({ kind: 'refused' })
  })
})

describe('even the right value does not open a key', () => {
  test.each([
    ['at the millisecond of its end', { expires_at: new Date(now) }],
    ['after its end', { expires_at: new Date(now - 1) }],
    ['that is disabled', { enabled: false }],
    ['that was revoked', { revoked_at: new Date(now) }],
    ['whose owner is disabled', { owner_enabled: false }],
    ['that has no value at all', { hashes: [], valid_untils: [] }],
    ['whose stored hash is cut short', { hashes: [hashValue(value).subarray(1)] }],
  ])('%s', (_case, facts) => {
    expect(aKey(facts).judge(value, now)).toEqual({ kind: 'refused' })
  })
})

describe('a rotated key', () => {
  const rotated = {
    hashes: [value, oldValue, olderValue].map(hashValue),
    valid_untils: [null, new Date(now + 2), new Date(now + 1)],
  }
  const kinds = (key: CachedKey, at: number) =>
    [value, oldValue, olderValue, wrongValue].map((one) => key.judge(one, at).kind)

  test('opens to each value for as long as that one may', () => {
    const key = aKey(rotated)

    expect(kinds(key, now)).toEqual(['accepted', 'accepted', 'accepted', 'refused'])
    expect(kinds(key, now + 1)).toEqual(['accepted', 'accepted', 'refused', 'refused'])
    expect(kinds(key, now + 2)).toEqual(['accepted', 'refused', 'refused', 'refused'])
    expect(kinds(key, now)).toEqual(['accepted', 'accepted', 'accepted', 'refused'])
  })

  test('of which only old values are left opens to those', () => {
    const key = aKey({ hashes: [hashValue(oldValue)], valid_untils: [new Date(now + 1)] })

    expect(kinds(key, now)).toEqual(['refused', 'accepted', 'refused', 'refused'])
    expect(kinds(key, now + 1)).toEqual(Array(4).fill('refused'))
  })

  test('opens to no old value once it is closed itself', () => {
    expect(kinds(aKey({ ...rotated, enabled: false }), now)).toEqual(Array(4).fill('refused'))
    expect(kinds(aKey({ ...rotated, expires_at: new Date(now) }), now)).toEqual(Array(4).fill('refused'))
  })

  test('notes which value was used', () => {
    const uses: Use[] = []
    const key = aKey(rotated, uses)
    for (const [at, one] of [value, oldValue].entries()) {
      const verdict = key.judge(one, now)
      if (verdict.kind === 'accepted') verdict.recordUse?.(now + at, '192.0.2.1', 'curl')
    }

    expect(uses).toEqual([
      ['key', 'Zk3vQ9aB', now, '192.0.2.1', 'curl'],
      ['key', 'Zk3vQ9aB', now + 1, '192.0.2.1', 'curl'],
      ['old value', hashValue(oldValue).toString('hex'), now + 1],
    ])
  })

  test('has the same bounds by whichever value it was opened', () => {
    const key = aKey({ ...rotated, read_only: true })
    const verdicts = [value, oldValue].map((one) => key.judge(one, now))

    for (const verdict of verdicts) {
      expect(verdict).toMatchObject({ kind: 'accepted', key: { readOnly: true } })
      expect(verdict).toHaveProperty('principal', key.principal)
    }
  })
})

test('a key without bounds has none, and no end', () => {
  expect(aKey()).toMatchObject({
    readOnly: false,
    allowedReferers: null,
    allowedIps: null,
    allowsAddress: null,
    expiresAt: Number.POSITIVE_INFINITY,
  })
})

test('the bounds of a key are those that it was given', () => {
  const key = aKey({
    read_only: true,
    allowed_referers: ['portal.example'],
    allowed_ips: ['192.0.2.0/24'],
    expires_at: new Date(now),
  })

  expect(key).toMatchObject({
    readOnly: true,
    allowedReferers: ['portal.example'],
    allowedIps: ['192.0.2.0/24'],
    expiresAt: now,
  })
  expect(['192.0.2.7', '192.0.3.7'].map((address) => key.allowsAddress?.(address))).toEqual([true, false])
  expect(key.key).toBe(key)
  expect([key.readAt, key.epoch]).toEqual([1, 2])
})

test('whoever holds a key acts for its owner, with the rights that it was given of theirs', () => {
  const { principal } = aKey({
    scopes: ['read', 'lost'],
    owner_name: 'Alice',
    email: 'alice@example.test',
    attributes: { team: 'a' },
    config: { project: 'demo' },
  })

  expect(principal).toEqual({
    subject: 'alice-id',
    login: 'alice',
    name: 'Alice',
    email: 'alice@example.test',
    kind: 'user',
    via: 'api-key',
    roles: ['read', 'write'],
    scopes: ['read'],
    attributes: { team: 'a' },
    config: { project: 'demo', team: 'a' },
    keyId: 'Zk3vQ9aB',
  })
  expect(Object.isFrozen(principal)).toBe(true)
})

describe('the config that services see', () => {
  test.each([
    ['is empty where there is nothing to say', {}, {}, {}],
    ['is that of the key', { a: 1 }, {}, { a: 1 }],
    ['is the attributes of the owner', {}, { a: 1 }, { a: 1 }],
    ['is both', { a: 1 }, { b: 2 }, { a: 1, b: 2 }],
    ['believes the directory before the owner', { a: 1 }, { a: 2 }, { a: 2 }],
  ])('%s', (_case, config, attributes, seen) => {
    expect(aKey({ config, attributes }).principal.config).toEqual(seen)
  })
})

describe('whose calls are counted with those of the key', () => {
  test('is nobody where nothing is limited', () => {
    expect(aKey().limited).toBeNull()
  })

  test.each([
    [
      'the key',
      { limit_per_day: 5 },
      [{ id: 'key:Zk3vQ9aB', limits: { perSecond: null, perDay: 5, perMonth: null } }],
    ],
    [
      'its owner',
      { owner_limit_per_second: 2 },
      [{ id: 'owner:alice-id', limits: { perSecond: 2, perDay: null, perMonth: null } }],
    ],
    [
      'both',
      { limit_per_month: 9, owner_limit_per_day: 7 },
      [
        { id: 'key:Zk3vQ9aB', limits: { perSecond: null, perDay: null, perMonth: 9 } },
        { id: 'owner:alice-id', limits: { perSecond: null, perDay: 7, perMonth: null } },
      ],
    ],
  ])('is %s where that is limited', (_case, facts, limited) => {
    expect(aKey(facts).limited).toEqual(limited)
  })
})

describe('where a key may be used', () => {
  test.each<[string, Partial<VerificationRow>, unknown]>([
    ['everywhere, of a person who names nothing', {}, null],
    ['nowhere, of a server that names nothing', { kind: 'server' }, { groups: [], services: [] }],
    ['in the groups that it names', { groups: ['g'] }, { groups: ['g'], services: [] }],
    ['at the services that it names', { services: ['s'] }, { groups: [], services: ['s'] }],
  ])('is %s', (_case, facts, authorized) => {
    expect(aKey(facts).authorized).toEqual(authorized)
  })
})

test('a key knows its own values, those that open nothing any more too', () => {
  const facts = { hashes: [value, oldValue].map(hashValue), valid_untils: [null, new Date(now - 1)] }
  const key = aKey({ ...facts, enabled: false })

  expect([value, oldValue, wrongValue].map((one) => key.isOwn(one))).toEqual([true, true, false])
  expect(aKey({ enabled: false }).isOwn(oldValue)).toBe(false)
  expect(key.hashes).toEqual([value, oldValue].map((one) => hashValue(one).toString('latin1')))
})

describe('the links of a key', () => {
  test.each<[string, Partial<VerificationRow>, boolean]>([
    ['open while it is open', {}, true],
    ['open a millisecond before its end', { expires_at: new Date(now + 1) }, true],
    ['do not open at its end', { expires_at: new Date(now) }, false],
    ['do not open while it is disabled', { enabled: false }, false],
    ['do not open once others took their place', { link_generation: 8 }, false],
  ])('%s', (_case, facts, opens) => {
    expect(aKey({ link_generation: 7, ...facts }).hasLinks(7, now)).toBe(opens)
  })
})

describe('what JWTs may be signed with', () => {
  const signing = {
    hashes: [value, oldValue].map(hashValue),
    valid_untils: [null, new Date(now + 2)],
    sealed_secrets: ['sealed', 'old'],
  }
  const names = (key: CachedKey, at = now) => key.signingSecrets(at).map(({ sealed }) => sealed)

  test('is every secret for as long as its value serves', () => {
    expect([now, now + 1, now + 2].map((at) => names(aKey(signing), at))).toEqual([
      ['sealed', 'old'],
      ['sealed', 'old'],
      ['sealed'],
    ])
  })

  test('is not what has no secret', () => {
    expect(names(aKey({ ...signing, sealed_secrets: [null, 'old'] }))).toEqual(['old'])
    expect(names(aKey())).toEqual([])
  })

  test.each([
    ['disabled', { enabled: false }],
    ['over', { expires_at: new Date(now) }],
  ])('is nothing once the key is %s', (_case, facts) => {
    expect(names(aKey({ ...signing, ...facts }))).toEqual([])
  })

  test('tells who signed, and notes the use of an old secret', () => {
    const uses: Use[] = []
    const accepted = aKey({ ...signing, read_only: true }, uses)
      .signingSecrets(now)
      .map((one) => one.accepted)
    for (const verdict of accepted) {
      expect(verdict).toMatchObject({
        principal: { login: 'alice', via: 'key-jwt' },
        key: { readOnly: true },
      })
      verdict.recordUse?.(now, '192.0.2.1', 'curl')
    }

    expect(accepted.map(({ key }) => key?.validUntil)).toEqual([undefined, now + 2])
    expect(uses.map(([kind]) => kind)).toEqual(['key', 'key', 'old value'])
  })
})
