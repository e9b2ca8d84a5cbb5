import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { delayEndAtSigterm } from '../../src/process/delay-end.js'

// The signals are emitted and not sent, because this process would end of them.
let hasBegun: boolean
let done: string[]
let others: NodeJS.SignalsListener[]
const begin = () => {
  hasBegun = true
  done.push('begun')
}
const sigterm = () => process.emit('SIGTERM', 'SIGTERM')

beforeEach(() => {
  vi.useFakeTimers()
  vi.spyOn(process, 'exit').mockImplementation((code) => {
    throw new Error(`exit ${code}`)
  })
  others = process.listeners('SIGTERM')
  process.removeAllListeners('SIGTERM')
  hasBegun = false
  done = []
  delayEndAtSigterm({
    delayMs: 5000,
    log: { info: (text: string) => done.push(text), error: (text: string) => done.push(text) },
    announce: () => done.push('announced'),
    hasBegun: () => hasBegun,
    begin,
  })
})
afterEach(() => {
  process.removeAllListeners('SIGTERM')
  for (const listener of others) process.on('SIGTERM', listener)
  vi.restoreAllMocks()
  vi.useRealTimers()
})

const told = 'SIGTERM: not ready any more; goes on for 5 s, then ends'

test('SIGTERM is announced, and the end begins after the delay', () => {
  sigterm()
  expect(done).toEqual([told, 'announced'])

  vi.advanceTimersByTime(5000)
  expect(done).toEqual([told, 'announced', 'begun'])
})

test('a second SIGTERM begins the end at once, and a third one ends the process', () => {
  sigterm()
  sigterm()
  expect(done).toEqual([told, 'announced', 'begun'])

  expect(sigterm).toThrow('exit 1')
  vi.advanceTimersByTime(5000)
  expect(done).toEqual([told, 'announced', 'begun', 'SIGTERM during the end, exiting'])
})

test.each([
  ['first', []],
  ['in the delay', [told, 'announced']],
])('SIGTERM ends the process once another signal has begun the end, %s', (_when, before) => {
  if (before.length > 0) sigterm()
  // As SIGINT does.
  begin()

  expect(sigterm).toThrow('exit 1')

  expect(done).toEqual([...before, 'begun', 'SIGTERM during the end, exiting'])
})
