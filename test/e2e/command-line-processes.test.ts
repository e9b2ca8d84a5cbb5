import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { logInByBrowser, passwordOf, waitForAddress } from '../cli/browser.js'
import { aCommandLine, type CommandLine } from '../cli/command-line.js'
import { signIn } from '../support/browser-flow.js'
import { runCommand } from './support/command.js'
import { copyDataFolder } from './support/data-folder.js'
import { projectFolder } from './support/folders.js'
import { findFreePort } from './support/ports.js'
import { type Service, startService } from './support/service.js'
import { waitUntilAnswers } from './support/wait.js'

interface Program {
  child: ChildProcess
  out(): string
  told(): string
  exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>
}

let service: Service
beforeAll(async () => {
  service = await startService()
})
afterAll(() => service.stop())

let user: CommandLine
beforeEach(async () => {
  user = await aCommandLine()
  await user.run('profile', 'create', service.url, '--name', 'here')
})

const issuer = () => `${service.url}/dev-idp/realms/latchkey`
const loginFile = () => join(user.folder, 'login-here.json')
const lockOfLogin = () => `${loginFile()}.lock`
const readTokens = async () => JSON.parse(await readFile(loginFile(), 'utf8'))
const program = join(projectFolder, 'dist/src/cli/main.js')

/** The built program. */
function start(...args: string[]): Program {
  const child = spawn(process.execPath, [program, ...args], {
    env: { PATH: process.env.PATH, ...user.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const exited = once(child, 'close').then(([code, signal]) => ({ code, signal }))
  return { child, out: collect(child.stdout), told: collect(child.stderr), exited }
}

function collect(stream: NodeJS.ReadableStream): () => string {
  let text = ''
  stream.setEncoding('utf8').on('data', (chunk) => {
    text += chunk
  })
  return () => text
}

/** The next command has to renew the tokens. */
async function expireTokens() {
  await writeFile(loginFile(), JSON.stringify({ ...(await readTokens()), expiresAt: 0 }))
}

describe('renewing a login', () => {
  beforeEach(() => logInByBrowser(user, issuer()))

  test('20 programs at once leave one valid file, and all 20 go on', async () => {
    const before = await readTokens()
    await expireTokens()

    const programs = Array.from({ length: 20 }, () => start('whoami'))
    const exits = await Promise.all(programs.map(({ exited }) => exited))

    expect(exits).toEqual(exits.map(() => ({ code: 0, signal: null })))
    expect(programs.map(({ out, told }) => out() + told())).toEqual(exits.map(() => 'alice (oauth2)\n'))
    expect((await readTokens()).refreshToken).not.toBe(before.refreshToken)
    expect((await readdir(user.folder)).sort()).toEqual(['login-here.json', 'profiles.json'])
    // The login lives on: no old token was shown twice.
    await expireTokens()
    expect(await user.run('whoami')).toMatchObject({ exitCode: 0 })
  })

  test('goes on after a program that was killed while it held the lock', async () => {
    await expireTokens()
    const killed = await startAndFreeze()

    killed.child.kill('SIGKILL')
    await killed.exited
    process.kill(service.pid, 'SIGCONT')
    const lockWasLeft = existsSync(lockOfLogin())
    const next = await user.run('whoami')

    expect(lockWasLeft).toBe(true)
    expect(next).toMatchObject({ exitCode: 0, out: 'alice (oauth2)\n' })
    expect(existsSync(lockOfLogin())).toBe(false)
  })

  test('is finished before Ctrl-C ends the program, or the login would be lost', async () => {
    const before = await readTokens()
    await expireTokens()
    const interrupted = await startAndFreeze()

    interrupted.child.kill('SIGINT')
    await delay(100)
    process.kill(service.pid, 'SIGCONT')
    const exit = await interrupted.exited

    expect(exit).toEqual({ code: 130, signal: null })
    expect(interrupted.out() + interrupted.told()).toBe('')
    expect((await readTokens()).refreshToken).not.toBe(before.refreshToken)
    expect((await readdir(user.folder)).sort()).toEqual(['login-here.json', 'profiles.json'])
  })

  test('is not waited for by who presses Ctrl-C twice', async () => {
    await expireTokens()
    const before = await readTokens()
    const interrupted = await startAndFreeze()

    interrupted.child.kill('SIGINT')
    await delay(100)
    interrupted.child.kill('SIGINT')
    const exit = await interrupted.exited

    expect(exit).toEqual({ code: 130, signal: null })
    expect(await readTokens()).toEqual(before)
    expect(existsSync(lockOfLogin())).toBe(false)
  })

  test('killed at any moment leaves a whole file, of a login that goes on or is told to be over', async () => {
    for (const afterMs of [250, 400, 550]) {
      await expireTokens()
      const { child, exited } = start('whoami')
      await delay(afterMs)
      child.kill('SIGKILL')
      await exited

      expect(Object.keys(await readTokens())).toContain('refreshToken')
      const next = await user.run('whoami')
      expect([0, 77]).toContain(next.exitCode)
      if (next.exitCode === 77) await logInByBrowser(user, issuer())
    }
  })

  /** A program that has the lock, and waits for an identity provider that stands still. */
  async function startAndFreeze(): Promise<Program> {
    process.kill(service.pid, 'SIGSTOP')
    onTestFinished(() => void process.kill(service.pid, 'SIGCONT'))
    const started = start('whoami')
    await expect.poll(() => existsSync(lockOfLogin()), { timeout: 10_000 }).toBe(true)
    // Until it waits for the answer.
    await delay(300)
    return started
  }
})

test('Ctrl-C ends a login that waits for the browser, and leaves nothing', async () => {
  const waiting = start('login', '--no-browser')
  const address = new URL(await waitForAddress({ told: waiting.told }, issuer()))

  waiting.child.kill('SIGINT')
  const exit = await waiting.exited

  expect(exit).toEqual({ code: 130, signal: null })
  expect(await readdir(user.folder)).toEqual(['profiles.json'])
  await expect(fetch(address.searchParams.get('redirect_uri') ?? '')).rejects.toThrow('fetch failed')
})

test('a program that has logged in ends at once', async () => {
  const login = start('login', '--no-browser')
  const authorizationUrl = await waitForAddress({ told: login.told }, issuer())
  const callback = await signIn({ authorizationUrl, ...passwordOf('alice') })

  // A browser keeps its connection, which must not keep the program.
  await fetch(callback, { headers: { connection: 'keep-alive' } })
  const answeredAt = Date.now()
  const exit = await login.exited

  expect(exit).toEqual({ code: 0, signal: null })
  expect(login.told()).toContain('as alice.\n')
  expect(Date.now() - answeredAt).toBeLessThan(5_000)
})

test('output that nobody reads on ends the program without a word', async () => {
  const printing = start('profile', 'list')
  printing.child.stdout?.destroy()

  const exit = await printing.exited

  expect(exit).toEqual({ code: 141, signal: null })
  expect(printing.told()).toBe('')
})

test('a service that was started by the command line ends by itself on Ctrl-C', async () => {
  const dataFolder = join(user.folder, 'data')
  await copyDataFolder(dataFolder)
  const serving = start(
    'serve',
    '--port',
    String(await findFreePort()),
    '--gateway-port',
    'off',
    '--data-dir',
    dataFolder,
  )
  await expect.poll(serving.out, { timeout: 60_000 }).toContain('listening')
  const healthUrl = `${/http:\/\/127\.0\.0\.1:\d+/.exec(serving.out())?.[0]}/health/ready`
  await waitUntilAnswers(healthUrl, { timeoutMs: 60_000 })

  serving.child.kill('SIGINT')
  const exit = await serving.exited

  expect(exit).toEqual({ code: 0, signal: null })
})

test('bash completes commands and profiles, and evaluates none of their words', async () => {
  const path = join(user.folder, 'profiles.json')
  const trap = join(user.folder, 'evaluated')
  const profiles = await readFile(path, 'utf8')
  await writeFile(
    path,
    profiles.replace(`"url": "${service.url}"`, `"url": "https://a.example/$(touch ${trap})"`),
  )
  const script = `
    latchkey() { '${process.execPath}' '${program}' "$@"; }
    source <(latchkey completion bash)
    COMP_WORDS=(latchkey profile use ''); COMP_CWORD=3; _latchkey; echo "\${COMPREPLY[*]}"
    COMP_WORDS=(latchkey lo); COMP_CWORD=1; _latchkey; echo "\${COMPREPLY[*]}"`

  const out = await runCommand('bash', ['-c', script], { env: { PATH: process.env.PATH, ...user.env } })

  expect(out).toBe('here\nlogin logout\n')
  expect(existsSync(trap)).toBe(false)
})
