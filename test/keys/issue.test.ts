import { afterAll, beforeAll, expect, test } from 'vitest'
import { startService, type TestService } from '../support/service.js'

let service: TestService
beforeAll(async () => {
  service = await startService()
})
afterAll(() => service.close())

test('a person makes a key with a token and calls a service with it', async () => {
  const key = await service.createKey('alice', { name: 'first' })
  const me = await service.inject({ url: '/me', headers: { 'x-api-key': key.value } })
  expect(me.json).toMatchObject({ login: 'alice', via: 'api-key', key_id: key.id })
  const items = await service.inject({
    url: '/catalog/collections',
    headers: { authorization: `Apikey ${key.value}` },
  })
  expect(items.status).toBe(200)
})
