import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { startService, type TestService } from '../support/service.js'
import { openWatchedDatabase, type WatchedDatabase } from '../support/watched-database.js'

let service: TestService
let db: WatchedDatabase
beforeAll(async () => {
  db = await openWatchedDatabase()
  service = await startService({}, { db })
})
afterEach(() => {
  db.isDown = false
})
afterAll(() => service.close())

const verify = (value: string) =>
  service.inject({ method: 'POST', url: '/api-keys/verify', payload: { value, method: 'GET' } })

test('what this service itself knows only from before an outage may not grow as old again elsewhere', async () => {
  const { value } = await service.createKey('alice')
  expect((await verify(value)).json).toMatchObject({ valid: true, stale_if_error_seconds: 60 })

  db.isDown = true
  service.clock.advance(6000)

  expect((await verify(value)).json).toMatchObject({
    valid: true,
    cache_seconds: 0,
    stale_if_error_seconds: 0,
  })
})

test('in an outage a key that was not in use cannot be told, and is not refused either', async () => {
  const { value } = await service.createKey('alice')
  db.isDown = true

  const answer = await verify(value)

  expect(answer).toMatchObject({ status: 503, json: { code: 'unavailable' } })
  expect(answer.body).not.toContain(value)
})
