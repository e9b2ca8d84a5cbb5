import { expect, test } from 'vitest'
import { compileTrust } from '../src/addresses.js'

test('proxies are trusted by their address or range, also where IPv4 is written as IPv6', () => {
  const trust = compileTrust(['127.0.0.1', '10.0.0.0/8', 'fd00::/8'])

  if (trust === false) throw new Error('some are trusted')
  expect(['127.0.0.1', '10.9.9.9', '::ffff:10.0.0.1', 'fd00::1'].map((address) => trust(address, 0))).toEqual(
    [true, true, true, true],
  )
  expect(['127.0.0.2', '::1', '10.0.0.1:80', 'unknown', ''].map((address) => trust(address, 0))).toEqual(
    Array(5).fill(false),
  )
})

test('of a thousand trusted proxies in a row, all but the first fifty count as clients', () => {
  const trust = compileTrust(['127.0.0.1'])

  expect(trust !== false && [trust('127.0.0.1', 49), trust('127.0.0.1', 50)]).toEqual([true, false])
})

test('without proxies nobody is trusted', () => {
  expect(compileTrust([])).toBe(false)
})
