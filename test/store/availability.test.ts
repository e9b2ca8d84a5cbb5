import { expect, test } from 'vitest'
import { createAvailability } from '../../src/store/availability.js'
import { StoreUnavailable } from '../../src/store/unavailable.js'

const silence = new Error('nothing was heard')

/** Work that ends when the test says so. */
function aWork<T>() {
  let settle = { resolve: (_value: T) => {}, reject: (_error: unknown) => {} }
  const work = new Promise<T>((resolve, reject) => {
    settle = { resolve, reject }
  })
  return { work, ...settle }
}

test('what becomes of the work is passed on while the database answers', async () => {
  const availability = createAvailability()
  const refusal = new TypeError('refused')

  expect(await availability.whileAnswering(async () => 'done')).toBe('done')
  await expect(availability.whileAnswering(() => Promise.reject(refusal))).rejects.toBe(refusal)
})

test('when it falls silent, whoever waits is told so at once, and why for the log', async () => {
  const availability = createAvailability()
  const waiting = [aWork(), aWork()].map(({ work }) => availability.whileAnswering(() => work))

  availability.noteSilence(silence)

  for (const one of waiting) {
    await expect(one).rejects.toThrow(StoreUnavailable)
    await expect(one).rejects.toMatchObject({ cause: silence })
  }
})

test('while it is silent nothing is begun', async () => {
  const availability = createAvailability()
  let begun = 0
  availability.noteSilence(silence)

  const asking = availability.whileAnswering(async () => {
    begun += 1
  })

  await expect(asking).rejects.toThrow(StoreUnavailable)
  expect(begun).toBe(0)
})

test('when it answers again, so it is for all who come', async () => {
  const availability = createAvailability()
  availability.noteSilence(silence)

  availability.noteAnswer()

  expect(await availability.whileAnswering(async () => 'done')).toBe('done')
})

test('work whose caller was told to wait learns of it, also after the database is back', async () => {
  const availability = createAvailability()
  const { work, resolve } = aWork<void>()
  let stored = false
  const writing = availability.whileAnswering(async (requireAwaited) => {
    await work
    requireAwaited()
    stored = true
  })

  availability.noteSilence(silence)
  availability.noteAnswer()
  resolve()

  await expect(writing).rejects.toThrow(StoreUnavailable)
  expect(stored).toBe(false)
})

test('work that fails after its caller was told to wait disturbs nobody', async () => {
  const availability = createAvailability()
  const { work, reject } = aWork()
  const asking = availability.whileAnswering(() => work)

  availability.noteSilence(silence)
  reject(new Error('the connection broke'))

  await expect(asking).rejects.toMatchObject({ cause: silence })
})

test('a silence is noted once, however often it is found', () => {
  let noted = 0
  const availability = createAvailability(() => {
    noted += 1
  })

  availability.noteSilence(silence)
  availability.noteSilence(silence)
  availability.noteAnswer()
  availability.noteAnswer()

  expect(noted).toBe(1)
})
