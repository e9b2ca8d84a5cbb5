import { afterAll, beforeAll, expect, test } from 'vitest'
import { startService, type TestService } from '../support/service.js'
import { commandLineOf } from './admin-world.js'

let service: TestService
beforeAll(async () => {
  service = await startService()
})
afterAll(() => service.close())

const { latchkey, aServerKey } = commandLineOf(() => service)

test('a server key without the role is told that this is for administrators', async () => {
  const { value } = await aServerKey({ name: 'no administrator' })

  const outcome = await latchkey(['admin', 'group', 'list'], { key: value })

  expect(outcome).toMatchObject({ exitCode: 1, out: '' })
  expect(outcome.told).toContain('is for administrators')
  expect(outcome.told).not.toContain(value)
})

test('the key of a person is refused, even of an administrator', async () => {
  const { value } = await service.createKey('alice')

  const outcome = await latchkey(['admin', 'group', 'list'], { key: value })

  expect(outcome).toMatchObject({ exitCode: 77, out: '' })
  expect(outcome.told).toContain('a person’s key administrates nothing')
  expect(outcome.told).not.toContain(value)
})

test('a key that is none is refused', async () => {
  const outcome = await latchkey(['admin', 'group', 'list'], { key: 'lk_nothing' })

  expect(outcome).toMatchObject({ exitCode: 1, out: '' })
  expect(outcome.told).toContain('invalid_credential')
})

test('a service that is away is 69, neither yes nor no', async () => {
  const outcome = await latchkey(['admin', 'group', 'list'], { env: { LATCHKEY_URL: 'http://127.0.0.1:1' } })

  expect(outcome).toMatchObject({ exitCode: 69, out: '' })
})
