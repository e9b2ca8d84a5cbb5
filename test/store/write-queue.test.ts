import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { StoreUnavailable } from '../../src/store/unavailable.js'
import { createTurns } from '../../src/store/write-queue.js'

test('no more run at once than there are places, in the order of asking', async () => {
  const takeTurn = createTurns({ places: 2, patienceMs: 5000 })
  const begun: number[] = []
  let running = 0
  let most = 0

  await Promise.all(
    [1, 2, 3, 4, 5].map((who) =>
      takeTurn(async () => {
        begun.push(who)
        running += 1
        most = Math.max(most, running)
        await sleep(5)
        running -= 1
      }),
    ),
  )

  expect(begun).toEqual([1, 2, 3, 4, 5])
  expect(most).toBe(2)
})

test('whoever waits too long is refused, and does not run later', async () => {
  const takeTurn = createTurns({ places: 1, patienceMs: 20 })
  const begun: string[] = []
  const long = takeTurn(() => sleep(80))

  const refused = takeTurn(async () => void begun.push('refused'))

  await expect(refused).rejects.toThrow(StoreUnavailable)
  await long
  await takeTurn(async () => void begun.push('next'))
  expect(begun).toEqual(['next'])
})

test('work that fails gives its place to the next', async () => {
  const takeTurn = createTurns({ places: 1, patienceMs: 5000 })
  const failing = takeTurn(async () => {
    throw new Error('failed')
  })

  const next = takeTurn(async () => 'done')

  await expect(failing).rejects.toThrow('failed')
  await expect(next).resolves.toBe('done')
})
