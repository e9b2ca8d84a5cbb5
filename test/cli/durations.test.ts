import { expect, test } from 'vitest'
import { describeDuration, parseDuration, parseTime } from '../../src/cli/durations.js'

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
  [1.4, '1 second'],
  [119, '119 seconds'],
  [120, '2 minutes'],
  [599, '10 minutes'],
  [7200, '2 hours'],
  [172_799, '48 hours'],
  [1_295_999, '15 days'],
])('%d seconds are told as %s', (seconds, words) => {
  expect(describeDuration(seconds)).toBe(words)
})

test.each([
  ...['', 'tomorrow', '15d', '2026', '2026-12', '2026-13-01', '2026-02-30', '2025-02-29', '2026-1-1'],
  ...['2026-12-31T', '2026-12-31T24:30', '2026-12-31T23:60', '2026-12-31 23:59:59 CET', ' 2026-12-31'],
])('the time %j is refused', (text) => {
  expect(() => parseTime(text)).toThrow('It is a time such as')
})

test.each([
  ['2026-12-31', '2026-12-31T00:00:00.000Z'],
  ['2028-02-29', '2028-02-29T00:00:00.000Z'],
  ['2026-12-31 23:59', '2026-12-31T23:59:00.000Z'],
  ['2026-12-31T23:59:59', '2026-12-31T23:59:59.000Z'],
  ['2026-12-31T23:59:59Z', '2026-12-31T23:59:59.000Z'],
  ['2026-12-31T23:59:59+01:00', '2026-12-31T22:59:59.000Z'],
])('the time %s is %s', (text, time) => {
  expect(parseTime(text)).toBe(time)
})
