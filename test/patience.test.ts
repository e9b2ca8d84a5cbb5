import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { withinPatience } from '../src/patience.js'

const tooLate = () => new Error('too late')

describe('the patience with which an answer is awaited', () => {
  afterEach(() => void vi.useRealTimers())

  test('ends after the limit, by the error of who asks', async () => {
    vi.useFakeTimers()
    const waiting = withinPatience(new Promise(() => {}), 600, tooLate)
    const ended = vi.fn()
    waiting.catch(ended)

    await vi.advanceTimersByTimeAsync(599)
    expect(ended).not.toHaveBeenCalled()
    await vi.advanceTimersByTimeAsync(1)
    expect(ended).toHaveBeenCalledWith(new Error('too late'))
    expect(vi.getTimerCount()).toBe(0)
  })

  test('passes on the answer, or its failure, and leaves no timer', async () => {
    vi.useFakeTimers()
    await expect(withinPatience(Promise.resolve('here'), 600, tooLate)).resolves.toBe('here')
    await expect(withinPatience(Promise.reject(new Error('refused')), 600, tooLate)).rejects.toThrow(
      'refused',
    )
    expect(vi.getTimerCount()).toBe(0)
  })

  test.each([40, 200, 600])('of %d ms outlasts a process that was busy for longer', async (limitMs) => {
    const answer = sleep(0).then(async () => {
      await sleep(0)
      return 'read late'
    })
    const waiting = withinPatience(answer, limitMs, tooLate)

    const until = performance.now() + limitMs + 150
    while (performance.now() < until);

    expect(await waiting).toBe('read late')
  })
})
