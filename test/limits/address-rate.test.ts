import { beforeEach, expect, test } from 'vitest'
import { AddressRate } from '../../src/limits/address-rate.js'

let now: number
beforeEach(() => {
  now = 1_000_000
})
const aRate = (perMinute: number, maxAddresses?: number) =>
  new AddressRate({ perMinute, clock: () => now, ...(maxAddresses === undefined ? {} : { maxAddresses }) })

const countTimes = (rate: AddressRate, address: string, times: number) => {
  for (let count = 0; count < times; count += 1) rate.count(address)
}

test('an address may go on until it has spent its number', () => {
  const rate = aRate(3)
  expect(rate.retryAfterSeconds('192.0.2.1')).toBe(0)

  countTimes(rate, '192.0.2.1', 2)
  expect(rate.retryAfterSeconds('192.0.2.1')).toBe(0)
  rate.count('192.0.2.1')
  expect(rate.retryAfterSeconds('192.0.2.1')).toBe(60)
})

test('another address is not held up', () => {
  const rate = aRate(1)
  rate.count('192.0.2.1')

  expect(rate.retryAfterSeconds('192.0.2.2')).toBe(0)
})

test('the wait shrinks, is never less than a second, and ends after a minute', () => {
  const rate = aRate(1)
  rate.count('192.0.2.1')

  now += 45_500
  expect(rate.retryAfterSeconds('192.0.2.1')).toBe(15)
  now += 14_499
  expect(rate.retryAfterSeconds('192.0.2.1')).toBe(1)
  now += 1
  expect(rate.retryAfterSeconds('192.0.2.1')).toBe(0)
  rate.count('192.0.2.1')
  expect(rate.retryAfterSeconds('192.0.2.1')).toBe(60)
})

test('counting while it waits does not lengthen the wait', () => {
  const rate = aRate(1)
  rate.count('192.0.2.1')
  now += 30_000
  countTimes(rate, '192.0.2.1', 100)

  expect(rate.retryAfterSeconds('192.0.2.1')).toBe(30)
})

test('a clock that was set back locks nobody out for longer', () => {
  const rate = aRate(1)
  rate.count('192.0.2.1')
  now -= 3_600_000

  expect(rate.retryAfterSeconds('192.0.2.1')).toBe(0)
})

test.each([
  ['2001:db8:1:2::1', '2001:db8:1:2:ffff:ffff:ffff:ffff'],
  ['2001:db8::1', '2001:0DB8:0000:0:1::'],
  ['::1', '0:0:0:0:0:0:0:2'],
  ['192.0.2.1', '::ffff:192.0.2.1'],
  ['::ffff:192.0.2.1', '::FFFF:192.0.2.1'],
  ['fe80::1%eth0', 'fe80::2%eth1'],
])('%s and %s are one client', (one, other) => {
  const rate = aRate(1)
  rate.count(one)

  expect(rate.retryAfterSeconds(other)).toBeGreaterThan(0)
})

test.each([
  ['2001:db8:1:2::1', '2001:db8:1:3::1'],
  ['2001:db8::', '2001:db9::'],
  ['1::2', '2::1'],
  ['192.0.2.1', '192.0.2.10'],
  ['::ffff:192.0.2.1', '::ffff:192.0.2.2'],
])('%s and %s are two clients', (one, other) => {
  const rate = aRate(1)
  rate.count(one)

  expect(rate.retryAfterSeconds(other)).toBe(0)
})

test('without a limit nothing is ever held up', () => {
  const rate = aRate(Number.POSITIVE_INFINITY)
  countTimes(rate, '192.0.2.1', 10_000)

  expect(rate.retryAfterSeconds('192.0.2.1')).toBe(0)
})

test('only so many addresses are remembered, the least recent are forgotten first', () => {
  const rate = aRate(1, 2)
  for (const address of ['192.0.2.1', '192.0.2.2', '192.0.2.3']) rate.count(address)

  expect(rate.retryAfterSeconds('192.0.2.1')).toBe(0)
  expect(rate.retryAfterSeconds('192.0.2.3')).toBe(60)
})
