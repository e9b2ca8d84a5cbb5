import { expect, test } from 'vitest'
import { scatteredNumbers, storedKey } from '../../bench/stored-keys.js'
import { hasValidChecksum, readKeyId } from '../../src/keys/value.js'

const take = (count: number, numbers: Iterator<number>) =>
  Array.from({ length: count }, () => numbers.next().value)

test('a number has the same key in every process, in the shape of a real one', () => {
  const { id, value } = storedKey(4711)

  expect(value).toBe(storedKey(4711).value)
  expect(readKeyId(value, 'lk')).toBe(id)
  expect(hasValidChecksum(value)).toBe(true)
})

test('no two numbers share an id or a value', () => {
  const keys = Array.from({ length: 2_000 }, (_, number) => storedKey(number))

  expect(new Set(keys.map(({ id }) => id)).size).toBe(keys.length)
  expect(new Set(keys.map(({ value }) => value)).size).toBe(keys.length)
})

test.each([1, 2, 100, 9_973, 10_000])('every one of %i keys is met once before any is met again', (count) => {
  const numbers = scatteredNumbers(count)

  const firstTime = take(count, numbers)
  const secondTime = take(count, numbers)

  expect([...firstTime].sort((one, other) => one - other)).toEqual(
    Array.from({ length: count }, (_, number) => number),
  )
  expect(secondTime).toEqual(firstTime)
})

test('keys that are met one after the other are not of one owner', () => {
  const numbers = take(10_000, scatteredNumbers(10_000))

  const owners = numbers.map((number) => Math.floor(number / 20))

  expect(owners.every((owner, at) => owner !== owners[at - 1])).toBe(true)
})
