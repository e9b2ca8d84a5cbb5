import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Database } from '../../src/store/database.js'
import { type Change, notify, readPayload } from '../../src/store/notices.js'
import { openTestDatabase } from '../support/database.js'

describe('on the embedded database', () => {
  let database: Database

  beforeEach(async () => {
    database = await openTestDatabase()
  })
  afterEach(() => database.close())

  test('no notice is ever missed, since nobody else makes changes', () => {
    expect(database.notices).toMatchObject({ epoch: 0 })
    expect(database.notices.silentForMs()).toBe(0)
  })

  test('announcing asks nothing of it', async () => {
    const heard: Change[] = []
    database.notices.subscribe((change) => heard.push(change))
    let announced = false

    const writing = database.write(async (tx) => {
      // A failed statement undoes the transaction: one more that was sent would be refused.
      await tx.$executeRaw`SELECT no_such_column`.catch(() => {})
      await notify(tx, { key: 'k1' })
      announced = true
    })

    await expect(writing).resolves.toBeUndefined()
    expect(announced).toBe(true)
    expect(heard).toEqual([])
  })
})

test.each([
  ['key:k1', { key: 'k1' }],
  ['owner:f:1234:alice', { owner: 'f:1234:alice' }],
  ['owner:two\nlines', { owner: 'two\nlines' }],
  ['services:all', { services: true }],
])('the notice %j is understood', (payload, change) => {
  expect(readPayload(payload)).toEqual(change)
})

test.each([
  '',
  'key',
  'key:',
  'k1',
  ' key:k1',
  'KEY:k1',
  'secret:k1',
  'services',
  'services:s1',
  '{"key":"k1"}',
])('the notice %j is none of ours', (payload) => {
  expect(readPayload(payload)).toBeNull()
})
