import { type SpawnOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest'
import { logInByBrowser } from '../cli/browser.js'
import { aCommandLine, type CommandLine } from '../cli/command-line.js'
import { projectFolder } from './support/folders.js'
import { type Service, startService } from './support/service.js'

let service: Service
beforeAll(async () => {
  service = await startService()
})
afterAll(() => service.stop())

let user: CommandLine
beforeEach(async () => {
  user = await aCommandLine()
  await user.run('profile', 'create', service.url, '--name', 'here')
  await logInByBrowser(user, `${service.url}/dev-idp/realms/latchkey`)
})

const program = join(projectFolder, 'dist/src/cli/main.js')

/** The built program, with that as its stdout. */
function start(stdout: 'pipe' | number, ...args: string[]) {
  const options: SpawnOptions = {
    env: { PATH: process.env.PATH, ...user.env },
    stdio: ['ignore', stdout, 'pipe'],
  }
  const child = spawn(process.execPath, [program, ...args], options)
  onTestFinished(() => void child.kill('SIGKILL'))
  let told = ''
  child.stderr?.setEncoding('utf8').on('data', (text) => {
    told += text
  })
  return { child, exited: once(child, 'close').then(([code]) => ({ code, told })) }
}

async function expectLostAndTold(exited: Promise<{ code: unknown; told: string }>, error: string) {
  const { code, told } = await exited

  const [, id = ''] = /revoke it: latchkey api-key revoke (\w{8})\n$/.exec(told) ?? []
  expect(code).toBe(73)
  expect(told).toContain(`the value could not be written (${error}) and is lost`)
  expect(told).not.toContain('    at ')
  expect(await user.run('api-key', 'revoke', id)).toMatchObject({ exitCode: 0 })
}

test('a value that does not fit on the disk is told of, and its key can be revoked', async () => {
  const full = openSync('/dev/full', 'w')
  onTestFinished(() => closeSync(full))

  const { exited } = start(full, 'api-key', 'create')

  await expectLostAndTold(exited, 'ENOSPC')
})

test('a value that nobody reads is told of, and its key can be revoked', async () => {
  const { child, exited } = start('pipe', 'api-key', 'create')
  child.stdout?.destroy()

  await expectLostAndTold(exited, 'EPIPE')
})
