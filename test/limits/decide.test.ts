import { expect, test } from 'vitest'
import { createCalendar } from '../../src/limits/calendar.js'
import { decideCall, listQuotas } from '../../src/limits/decide.js'
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

test('the quotas of a caller are those of each party by second, day and month, with their windows', () => {
  const periods = createCalendar('UTC')(now)
  const parties = [
    { id: 'key:one', limits: { perSecond: 2, perDay: null, perMonth: 90 } },
    { id: 'owner:alice', limits: { perSecond: null, perDay: 10, perMonth: null } },
  ]
  const asked: unknown[] = []

  const quotas = listQuotas(parties, periods, now, (party, per, limit, startsAt, of) => {
    asked.push([party.id, per, startsAt, of])
    return limit - 1
  })

  const [second, day, month] = ['2026-11-21T12:00:00Z', '2026-11-21T00:00:00Z', '2026-11-01T00:00:00Z'].map(
    Date.parse,
  )
  expect(asked).toEqual([
    ['key:one', 'second', second, 0],
    ['key:one', 'month', month, 0],
    ['owner:alice', 'day', day, 1],
  ])
  expect(quotas).toEqual([
    aQuota({
      per: 'second',
      limit: 2,
      remaining: 1,
      resetsAt: Date.parse('2026-11-21T12:00:01Z'),
      windowSeconds: 1,
    }),
    aQuota({
      per: 'month',
      limit: 90,
      remaining: 89,
      resetsAt: Date.parse('2026-12-01T00:00:00Z'),
      windowSeconds: 30 * 86_400,
    }),
    aQuota({ party: 'owner:alice', remaining: 9 }),
  ])
})
