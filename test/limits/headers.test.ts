import { expect, test } from 'vitest'
import { createQuotaDescriber } from '../../src/limits/headers.js'
import type { Quota } from '../../src/limits/types.js'

const now = Date.parse('2026-11-21T12:00:00.250Z')
const describe = createQuotaDescriber({ prefix: 'Otoroshi', clock: () => now })

const aQuota = (quota: Partial<Quota>): Quota => ({
  party: 'key:one',
  per: 'day',
  limit: 10,
  remaining: 5,
  resetsAt: Date.parse('2026-11-22T00:00:00.000Z'),
  windowSeconds: 86_400,
  ...quota,
})

test('the smallest remainder by day and by month is told', () => {
  const headers = describe([
    aQuota({ remaining: 7 }),
    aQuota({ party: 'owner:alice', remaining: 3 }),
    aQuota({ per: 'month', remaining: 90 }),
  ])

  expect(headers).toMatchObject({
    'Otoroshi-Daily-Calls-Remaining': '3',
    'Otoroshi-Monthly-Calls-Remaining': '90',
  })
})

test('policies and what remains of each are lists of RFC 9651', () => {
  const second = aQuota({ per: 'second', limit: 2, remaining: 1, resetsAt: now + 750, windowSeconds: 1 })

  expect(describe([second, aQuota({ party: 'group:s1' })])).toMatchObject({
    'RateLimit-Policy': '"key-per-second";q=2;w=1, "group-per-day";q=10;w=86400',
    RateLimit: '"key-per-second";r=1;t=1, "group-per-day";r=5;t=43200',
  })
})

test('a limit that is not there is not told', () => {
  expect(Object.keys(describe([aQuota({ per: 'month' })]))).toEqual([
    'RateLimit-Policy',
    'RateLimit',
    'Otoroshi-Monthly-Calls-Remaining',
  ])
  expect(describe([])).toEqual({})
})

test('nobody’s id is told', () => {
  const text = JSON.stringify(
    describe([aQuota({ party: 'owner:6f1b-alice' }), aQuota({ party: 'group:"x' })]),
  )

  expect(text).not.toContain('alice')
  expect(text).not.toContain('x;')
})

test('the names follow the configured prefix', () => {
  const rename = createQuotaDescriber({ prefix: 'Acme', clock: () => now })

  expect(rename([aQuota({})])).toHaveProperty('Acme-Daily-Calls-Remaining', '5')
})

test('the headers follow when the limits, windows or parties of a key change', () => {
  const describeAll = createQuotaDescriber({ prefix: 'Otoroshi', clock: () => now })
  const texts = [
    [aQuota({})],
    [aQuota({ limit: 20, remaining: 7 })],
    [aQuota({ limit: 20, remaining: 7, windowSeconds: 90_000 })],
    [aQuota({ per: 'month', limit: 20, windowSeconds: 90_000 })],
    [aQuota({}), aQuota({ party: 'group:s1' })],
    [aQuota({}), aQuota({ party: 'owner:alice' })],
    [aQuota({})],
  ].map((quotas) => describeAll(quotas))

  expect(texts.map((headers) => headers['RateLimit-Policy'])).toEqual([
    '"key-per-day";q=10;w=86400',
    '"key-per-day";q=20;w=86400',
    '"key-per-day";q=20;w=90000',
    '"key-per-month";q=20;w=90000',
    '"key-per-day";q=10;w=86400, "group-per-day";q=10;w=86400',
    '"key-per-day";q=10;w=86400, "owner-per-day";q=10;w=86400',
    '"key-per-day";q=10;w=86400',
  ])
  expect(texts[5]?.RateLimit).toBe('"key-per-day";r=5;t=43200, "owner-per-day";r=5;t=43200')
})
