import { describe, expect, test } from 'vitest'
import { isExpired, statusOf } from '../../src/keys/status.js'

const end = new Date('2026-12-06T12:00:00.000Z')
const before = new Date(end.getTime() - 1)
const after = new Date(end.getTime() + 1)
const aLife = (facts: Partial<Parameters<typeof statusOf>[0]> = {}) => ({
  revokedAt: null,
  enabled: true,
  expiresAt: end,
  owner: { enabled: true },
  ...facts,
})
const ownerDisabled = { owner: { enabled: false } }

describe('the status of a key', () => {
  test.each([
    ['is active a millisecond before its end', {}, before, 'active'],
    ['is expired at the millisecond of its end', {}, end, 'expired'],
    ['is expired after its end', {}, after, 'expired'],
    ['is active for ever when it never ends', { expiresAt: null }, after, 'active'],
    ['is disabled', { enabled: false }, before, 'disabled'],
    ['is disabled rather than expired', { enabled: false }, after, 'disabled'],
    ['is that its owner is disabled', ownerDisabled, before, 'owner_disabled'],
    [
      'is that its owner is disabled rather than that it is',
      { ...ownerDisabled, enabled: false },
      after,
      'owner_disabled',
    ],
    ['is revoked', { revokedAt: before }, before, 'revoked'],
    [
      'is revoked rather than anything else',
      { revokedAt: before, ...ownerDisabled, enabled: false },
      after,
      'revoked',
    ],
  ])('%s', (_case, facts, now, status) => {
    expect(statusOf(aLife(facts), now)).toBe(status)
  })
})

test('a key is expired from its last instant on, and one without an end never', () => {
  expect([before, end, after].map((now) => isExpired({ expiresAt: end }, now))).toEqual([false, true, true])
  expect(isExpired({ expiresAt: null }, after)).toBe(false)
})
