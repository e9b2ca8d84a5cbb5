import { expect, test } from 'vitest'
import { describeDuration, parseDuration } from '../../src/cli/durations.js'

test.each([
  ...['', '0', '0s', '-1', '+1', '1.5h', '1e3', ' 600', '600 ', '0600', 'h', '1y', '1M', '1H', '10 m'],
  ...['1h30m', '٣', '0x10', 'Infinity', 'NaN', '99999999999', '9999999999w', '36601d'],
])('the duration %j is refused', (text) => {
  expect(() => parseDuration(text)).toThrow('It is a whole number with a unit')
})

test.each([
  ['1', 1],
  ['600', 600],
  ['90s', 90],
  ['10m', 600],
  ['1h', 3600],
  ['15d', 1_296_000],
  ['2w', 1_209_600],
  ['36600d', 3_162_240_000],
])('the duration %s is %i seconds', (text, seconds) => {
  expect(parseDuration(text)).toBe(seconds)
})

test.each([
  [-1, '0 seconds'],
  [0, '0 seconds'],
  [1.9, '1 second'],
  [119, '119 seconds'],
  [120, '2 minutes'],
  [7199, '119 minutes'],
  [7200, '2 hours'],
  [172_799, '47 hours'],
  [1_295_999, '14 days'],
])('%d seconds are told as %s', (seconds, words) => {
  expect(describeDuration(seconds)).toBe(words)
})
