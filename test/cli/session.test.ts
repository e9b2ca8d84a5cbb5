import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startService, type TestService } from '../support/service.js'
import { aCommandLine } from './command-line.js'

let service: TestService
beforeAll(async () => {
  service = await startService()
})
afterAll(() => service.close())

describe('what the environment holds and no call could be made with is told in a sentence', () => {
  test.each([
    [
      'whoami',
      { LATCHKEY_URL: 'https://me:secret@keys.example.org', LATCHKEY_API_KEY: 'secret' },
      'a user, a query or a fragment',
    ],
    [
      'whoami',
      { LATCHKEY_URL: 'https://keys.example.org', LATCHKEY_API_KEY: 'secretß' },
      'what no header may',
    ],
  ])('%s with %o', async (words, env, complaint) => {
    const user = await aCommandLine({ env })

    const { exitCode, out, told } = await user.run(...words.split(' '))

    expect({ exitCode, out }).toEqual({ exitCode: 64, out: '' })
    expect(told).toMatch(/^latchkey: .+\n$/)
    expect(told).toContain(complaint)
    expect(told).not.toContain('secret')
  })
})

test('check needs no login, only the service', async () => {
  const { id, value } = await service.createKey('alice')
  const user = await aCommandLine({ env: { LATCHKEY_URL: service.url, LATCHKEY_API_KEY: value } })

  const { exitCode, out } = await user.run('api-key', 'check')

  expect(exitCode).toBe(0)
  expect(out).toContain(`key     ${id}`)
})
