import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { newKeyId, newValue } from '../../src/keys/value.js'
import { startService, type TestService } from '../support/service.js'
import { openWatchedDatabase, type WatchedDatabase } from '../support/watched-database.js'

let service: TestService
let db: WatchedDatabase
beforeAll(async () => {
  db = await openWatchedDatabase()
  service = await startService({ REFUSED_RATE_PER_MINUTE: '3' }, { db })
  service.clock.freeze('2029-01-01T00:00:00.000Z')
})
afterAll(() => service.close())

const unknownValue = () => newValue('lk', newKeyId(randomBytes), randomBytes)
const ask = (value: string, more: object = {}, remoteAddress = '192.0.2.1') =>
  service.inject({ method: 'POST', url: '/api-keys/verify', payload: { value, ...more }, remoteAddress })

test('who asks for too many wrong values must wait, whatever address they name', async () => {
  const cached = await service.createKey('alice')
  expect((await ask(cached.value)).json.valid).toBe(true)
  for (let asked = 0; asked < 3; asked += 1) {
    expect((await ask(unknownValue(), { client_ip: `203.0.113.${asked}` })).json.valid).toBe(false)
  }

  const answer = await ask(unknownValue(), { client_ip: '203.0.113.99' })
  const known = await ask(cached.value)
  const elsewhere = await ask(unknownValue(), { client_ip: '192.0.2.1' }, '198.51.100.1')

  expect(answer.status).toBe(429)
  expect(answer.json.code).toBe('rate_limited')
  expect(answer.headers['retry-after']).toBe('60')
  expect(answer.headers['cache-control']).toBe('no-store')
  expect(known.json.valid).toBe(true)
  expect(elsewhere.json).toMatchObject({ valid: false, code: 'invalid_credential' })
})

test('what the database would have to tell is 503 while it is away, and never a verdict', async () => {
  const cached = await service.createKey('alice')
  service.clock.advance(60_000)
  expect((await ask(cached.value)).json.valid).toBe(true)
  db.isDown = true

  const unknown = await ask(unknownValue())
  const known = await ask(cached.value)
  db.isDown = false

  expect(unknown.status).toBe(503)
  expect(unknown.json.code).toBe('unavailable')
  expect(unknown.headers['retry-after']).toBe('5')
  expect(unknown.json).not.toHaveProperty('valid')
  expect(known.json.valid).toBe(true)
})
