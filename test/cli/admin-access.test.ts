import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { embeddedIssuer } from '../../src/dev/index.js'
import { startService, type TestService } from '../support/service.js'
import { commandLineOf } from './admin-world.js'
import { logInByBrowser } from './browser.js'
import { aCommandLine } from './command-line.js'

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

test('a login administrates where its person is an administrator, and nowhere else', async () => {
  const [ofAlice, ofBob] = [await aCommandLine(), await aCommandLine()]
  for (const [commandLine, person] of [[ofAlice, 'alice'] as const, [ofBob, 'bob'] as const]) {
    await commandLine.run('profile', 'create', service.url)
    await logInByBrowser(commandLine, embeddedIssuer(service.url), person)
  }

  const made = await ofAlice.run('admin', 'group', 'create', 'of-alice')
  const refused = await ofBob.run('admin', 'group', 'delete', 'of-alice', '--yes')
  const shown = await ofAlice.run('admin', 'group', 'show', 'of-alice')

  expect(made).toEqual({ exitCode: 0, out: '', told: 'The group of-alice is made.\n' })
  expect(refused).toMatchObject({ exitCode: 1, out: '' })
  expect(refused.told).toContain('This is for administrators')
  expect(shown.exitCode).toBe(0)
})

test('a key whose answer was lost is told of by its name', async () => {
  const dead = createServer((request) => void request.socket.destroy())
  await new Promise<void>((resolve) => dead.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void dead.close())
  const { port } = dead.address() as AddressInfo
  const env = { LATCHKEY_URL: `http://127.0.0.1:${port}` }

  const outcome = await latchkey(['admin', 'server-key', 'create', '--name', 'perhaps'], { env })

  expect(outcome).toMatchObject({ exitCode: 69, out: '' })
  expect(outcome.told).toContain('It is not known whether this was done. Look for the name "perhaps"')
})
