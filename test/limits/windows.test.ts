import { beforeEach, expect, test } from 'vitest'
import { Windows } from '../../src/limits/windows.js'

let windows: Windows
beforeEach(() => {
  windows = new Windows()
})

/** Which of the starts are known, oldest first. */
const known = (...starts: number[]) => starts.filter((start) => windows.find(start) !== undefined)

test('a window begins with what was counted before', () => {
  expect(windows.open(10)).toEqual({ start: 10, used: 0, base: 0 })
  expect(windows.open(20, 7)).toEqual({ start: 20, used: 7, base: 7 })
})

test('nothing is known of a window that was not opened', () => {
  expect(windows.find(10)).toBeUndefined()
  windows.open(10)

  expect(windows.find(20)).toBeUndefined()
  expect(windows.find(10)).toEqual({ start: 10, used: 0, base: 0 })
})

test('every window that is known is found with its own count', () => {
  for (const start of [10, 20, 30]) windows.open(start).used = start

  for (const start of [10, 30, 20, 20, 10]) expect(windows.find(start)).toMatchObject({ start, used: start })
})

test('a window that is opened again begins anew, and stands once', () => {
  windows.open(10, 5)
  windows.open(20)
  windows.open(10, 1)
  for (const start of [30, 40]) windows.open(start)

  expect(windows.find(10)).toEqual({ start: 10, used: 1, base: 1 })
  expect(known(10, 20, 30, 40)).toEqual([10, 20, 30, 40])
})

test('the four that were used last are kept', () => {
  for (const start of [10, 20, 30, 40]) windows.open(start)
  windows.find(10)
  windows.open(50)

  expect(known(10, 20, 30, 40, 50)).toEqual([10, 30, 40, 50])
})

test.each([
  ['before all known ones', 5, false],
  ['between two', 15, false],
  ['known', 20, false],
  ['after all known ones', 25, true],
])('a window %s: %i is new: %s', (_where, start, isNew) => {
  windows.open(20)
  windows.open(10)

  expect(windows.isNew(start)).toBe(isNew)
})

test('where no window is known, none is new', () => {
  expect(windows.isNew(10)).toBe(false)
})
