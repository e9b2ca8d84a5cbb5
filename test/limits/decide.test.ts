import { expect, test } from 'vitest'
import { decideCall } from '../../src/limits/decide.js'
import type { Quota } from '../../src/limits/types.js'

const now = Date.parse('2026-11-21T12:00:00.250Z')

const aQuota = (quota: Partial<Quota>): Quota => ({
  party: 'key:one',
  per: 'day',
  limit: 10,
  remaining: 5,
  resetsAt: Date.parse('2026-11-22T00:00:00.000Z'),
  windowSeconds: 86_400,
  ...quota,
})
const aSecond = (remaining: number) =>
  aQuota({ per: 'second', remaining, resetsAt: Date.parse('2026-11-21T12:00:01.000Z'), windowSeconds: 1 })

test('a call that passes counts against every limit', () => {
  const decision = decideCall([aQuota({ remaining: 1 }), aSecond(2)], now)

  expect(decision.kind).toBe('passed')
  expect('quotas' in decision && decision.quotas.map(({ remaining }) => remaining)).toEqual([0, 1])
})

test('a call that one limit refuses counts against none', () => {
  const decision = decideCall([aQuota({ remaining: 3 }), aSecond(0)], now)

  expect(decision.kind).toBe('exceeded')
  expect('quotas' in decision && decision.quotas.map(({ remaining }) => remaining)).toEqual([3, 0])
})

test('a throttled caller may come back in the next second', () => {
  expect(decideCall([aSecond(0)], now)).toMatchObject({ code: 'rate_limited', retryAfterSeconds: 1 })
})

test('a spent day is told with the time until it ends', () => {
  expect(decideCall([aQuota({ remaining: 0 })], now)).toMatchObject({
    code: 'quota_exceeded',
    retryAfterSeconds: 43_200,
  })
})

test('of several spent limits the caller is told of the one that lasts longest', () => {
  const month = aQuota({ per: 'month', remaining: 0, resetsAt: Date.parse('2026-12-01T00:00:00.000Z') })

  expect(decideCall([aSecond(0), month, aQuota({ remaining: 0 })], now)).toMatchObject({
    code: 'quota_exceeded',
    retryAfterSeconds: 820_800,
  })
})

test('a caller without limits passes', () => {
  expect(decideCall([], now)).toEqual({ kind: 'passed', quotas: [] })
})
