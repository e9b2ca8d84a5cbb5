import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import {
  page,
  problem,
  type ScriptedService,
  secretKey,
  startScriptedService,
} from '../client/scripted-service.js'
import { findFreePort } from '../support/service.js'
import { aCommandLine } from './command-line.js'

let service: ScriptedService
afterEach(() => service?.close())

const whoami = async (env: Record<string, string>) => (await aCommandLine({ env })).run('whoami')

describe('what no service was asked is wrong use, told in one sentence', () => {
  test.each([
    ['plain http to another machine', { LATCHKEY_URL: 'http://192.0.2.1', LATCHKEY_API_KEY: secretKey }],
    [
      'a key that no header can hold',
      { LATCHKEY_URL: 'http://127.0.0.1:9', LATCHKEY_API_KEY: `${secretKey}\nx` },
    ],
  ])('%s', async (_, env) => {
    const { exitCode, out, told } = await whoami(env)

    expect([exitCode, out]).toEqual([64, ''])
    expect(told).toMatch(/^latchkey: .+\n$/)
    expect(told).not.toContain(secretKey)
  })
})

test('why a service cannot be reached is told: a refused call is no certificate that nobody vouches for', async () => {
  const url = `http://127.0.0.1:${await findFreePort()}`

  const { exitCode, told } = await whoami({ LATCHKEY_URL: url, LATCHKEY_API_KEY: secretKey })

  expect(exitCode).toBe(69)
  expect(told).toBe('latchkey: The service cannot be reached. (ECONNREFUSED) (unreachable)\n')
})

test.each([
  ['is asked where the profile was made for it', true, 69, 'cannot be reached'],
  ['is not where it was not', false, 64, 'travel by https'],
])('plain http to another machine %s', async (_, isInsecure, code, text) => {
  const user = await aCommandLine({ env: { LATCHKEY_API_KEY: secretKey } })
  const profile = { url: 'http://keys.invalid', login: null, gatewayUrl: null, isInsecure }
  await mkdir(user.folder, { mode: 0o700 })
  const book = { version: 1, inUse: 'there', profiles: { there: profile } }
  await writeFile(join(user.folder, 'profiles.json'), JSON.stringify(book), { mode: 0o600 })

  const { exitCode, told } = await user.run('whoami')

  expect(exitCode).toBe(code)
  expect(told).toContain(text)
})

describe('an answer that is none of the service is neither yes nor no', () => {
  test.each([
    ['a page of a network that wants a login', page(200)],
    ['the refusal of a proxy', page(403)],
    ['a server that is none of ours', page(404)],
  ])('%s', async (_, answer) => {
    service = await startScriptedService(answer)

    const { exitCode, told } = await whoami({ LATCHKEY_URL: service.url, LATCHKEY_API_KEY: secretKey })

    expect(exitCode).toBe(69)
    expect(told).toContain('(unexpected_answer)')
  })

  test('a refusal of the service is a no', async () => {
    service = await startScriptedService(problem(403, 'read_only_key'))

    const { exitCode } = await whoami({ LATCHKEY_URL: service.url, LATCHKEY_API_KEY: secretKey })

    expect(exitCode).toBe(1)
  })
})
