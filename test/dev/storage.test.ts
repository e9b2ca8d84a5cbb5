import { expect, onTestFinished, test, vi } from 'vitest'
import { createStorage } from '../../src/dev/storage.js'

test('a flood of one kind of record leaves the other kinds alone', async () => {
  const open = createStorage(10)
  const [sessions, interactions] = [open('Session'), open('Interaction')]
  await sessions.upsert('mine', { uid: 'u' }, 60)

  for (let number = 0; number < 1000; number += 1) {
    await interactions.upsert(`i${number}`, { number }, 60)
  }

  expect(await sessions.find('mine')).toEqual({ uid: 'u' })
  expect(await interactions.find('i0')).toBeUndefined()
  expect(await interactions.find('i999')).toEqual({ number: 999 })
})

test('a record is gone when its time is over', async () => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const codes = createStorage()('AuthorizationCode')
  await codes.upsert('code', { grantId: 'g' }, 60)

  vi.advanceTimersByTime(61_000)

  expect(await codes.find('code')).toBeUndefined()
})

test('a record changes only when it is written again', async () => {
  const sessions = createStorage()('Session')
  const written = { uid: 'u', authorizations: { latchkey: {} } }
  await sessions.upsert('id', written, 60)

  written.uid = 'changed'
  const found = await sessions.findByUid('u')
  if (found !== undefined) found.uid = 'changed too'

  expect(await sessions.find('id')).toEqual({ uid: 'u', authorizations: { latchkey: {} } })
})

test('revoking a grant takes its records and no others', async () => {
  const tokens = createStorage()('RefreshToken')
  await tokens.upsert('a', { grantId: 'one' }, 60)
  await tokens.upsert('b', { grantId: 'two' }, 60)

  await tokens.revokeByGrantId('one')

  expect(await tokens.find('a')).toBeUndefined()
  expect(await tokens.find('b')).toEqual({ grantId: 'two' })
})
