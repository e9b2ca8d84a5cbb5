import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { subjects } from '../admin/world.js'
import { startService, type TestService } from '../support/service.js'
import { commandLineOf } from './admin-world.js'

let service: TestService
beforeAll(async () => {
  service = await startService()
})
afterAll(() => service.close())
// Bob holds no keys that work when a test begins.
beforeEach(async () => {
  await service.createKey('bob')
  await admin('user', 'revoke-all', subjects.bob, '--yes')
})

const { admin, json, latchkey } = commandLineOf(() => service)
const { bob } = subjects

const statusOf = async (value: string) =>
  (await service.inject({ method: 'GET', url: '/me', headers: { 'x-api-key': value } })).status

test('a person who is not known is told', async () => {
  const outcomes = [
    await admin('user', 'api-keys', 'nobody'),
    await admin('user', 'revoke-all', 'nobody', '--yes'),
    await admin('owner', 'limits', 'nobody'),
  ]

  for (const { exitCode, out, told } of outcomes) {
    expect({ exitCode, out }).toEqual({ exitCode: 1, out: '' })
    expect(told).toMatch(/^latchkey: there is no (person|owner) nobody here \(not_found\)\n$/)
  }
})

test.each([
  [['user', 'api-keys']],
  [['user', 'revoke-all', '..', '--yes']],
  [['user', 'revoke-all', '', '--yes']],
  [['user', 'revoke-all', bob]],
  [['owner', 'set-limits', bob]],
  [['owner', 'set-limits', bob, '--limit-per-day', '5', '--limit-per-month', '50']],
  [['owner', 'set-limits', bob, '--limit-per-day', 'many', '--no-limit-per-month', '--no-limit-per-second']],
])('%j is a wrong command, and nothing is asked of the service', async (args) => {
  const outcome = await latchkey(['admin', ...args], { env: { LATCHKEY_URL: 'http://127.0.0.1:1' } })

  expect(outcome).toMatchObject({ exitCode: 64, out: '' })
})

test('all keys of a person are revoked once that was confirmed; those of others work on', async () => {
  const [one, two] = [await service.createKey('bob'), await service.createKey('bob')]
  const ofAlice = await service.createKey('alice')

  const no = await latchkey(['admin', 'user', 'revoke-all', bob], { typed: 'no\n' })
  const before = await statusOf(one.value)
  const yes = await latchkey(['admin', 'user', 'revoke-all', bob], { typed: 'y\n' })

  expect(no).toMatchObject({ exitCode: 1, out: '' })
  expect(before).toBe(200)
  expect(yes.exitCode).toBe(0)
  expect(yes.out.trimEnd().split('\n').sort()).toEqual([one.id, two.id].sort())
  expect(yes.told).toContain(`Revoked 2 API keys of ${bob}.`)
  expect(await Promise.all([one, two, ofAlice].map(({ value }) => statusOf(value)))).toEqual([401, 401, 200])
})

test('the keys of a person are listed, and no other’s', async () => {
  const { id, value } = await service.createKey('bob', { name: 'only of bob' })
  const ofAlice = await service.createKey('alice')

  const { out } = await admin('user', 'api-keys', bob, '--limit', '1')

  expect(out).toContain(id)
  expect(out).toContain('only of bob')
  expect(out).not.toContain(ofAlice.id)
  expect(out).not.toContain(value)
})

test('limits over all keys of a person are set whole, and told', async () => {
  const set = await admin(
    ...['owner', 'set-limits', bob, '--no-limit-per-second', '--limit-per-day', '5', '--no-limit-per-month'],
  )
  const limits = await json('owner', 'limits', bob)
  const shown = await admin('owner', 'limits', bob)

  expect(set).toEqual({ exitCode: 0, out: '', told: `Set the limits over all keys of ${bob}.\n` })
  expect(limits).toEqual({ per_second: null, per_day: 5, per_month: null })
  expect(shown.out).toBe('per_second  -\nper_day     5\nper_month   -\n')
})
