import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { connect } from '../../src/cli/session.js'
import { startService, type TestService } from '../support/service.js'
import { logInByBrowser } from './browser.js'
import { aCommandLine, type CommandLine } from './command-line.js'
import { createTerminal } from './terminal.js'

let service: TestService
let issuer: string
beforeAll(async () => {
  service = await startService()
  issuer = `${service.url}/dev-idp/realms/latchkey`
})
afterAll(() => service.close())

let user: CommandLine
let now: number
beforeEach(async () => {
  now = Date.now()
  user = await aCommandLine({ clock: () => now })
  await user.run('profile', 'create', service.url, '--name', 'here')
  await logInByBrowser(user, issuer)
})

const path = () => join(user.folder, 'login-here.json')
const readTokens = async () => JSON.parse(await readFile(path(), 'utf8'))
const changeTokens = async (change: Record<string, unknown>) =>
  writeFile(path(), JSON.stringify({ ...(await readTokens()), ...change }))

/** Of the embedded identity provider. */
const lifetimeMs = 300_000

describe('an access token', () => {
  test('is used until 30 seconds before its end, and renewed silently from then on', async () => {
    const first = await readTokens()

    now = first.expiresAt - 30_001
    const before = await user.run('whoami')
    const kept = await readTokens()
    now += 1
    const after = await user.run('whoami')
    const second = await readTokens()

    expect(first.expiresAt - first.obtainedAt).toBe(lifetimeMs)
    expect(before).toEqual({ exitCode: 0, out: 'alice (oauth2)\n', told: '' })
    expect(kept).toEqual(first)
    expect(after).toEqual(before)
    expect(second.accessToken).not.toBe(first.accessToken)
    expect(second.refreshToken).not.toBe(first.refreshToken)
    expect(second.expiresAt).toBe(now + lifetimeMs)
    expect((await stat(path())).mode & 0o777).toBe(0o600)
  })

  test('is renewed where the clock was set back since it came', async () => {
    const first = await readTokens()

    now = first.obtainedAt - 1
    const result = await user.run('whoami')

    expect(result.exitCode).toBe(0)
    expect((await readTokens()).accessToken).not.toBe(first.accessToken)
  })

  test('is renewed in the middle of a command that outlives it', async () => {
    const terminal = createTerminal({ env: user.env, clock: () => now })
    const client = await connect(terminal, {})
    const first = await readTokens()
    await client.me()

    now += lifetimeMs
    const me = await client.me()

    expect(me.login).toBe('alice')
    expect((await readTokens()).accessToken).not.toBe(first.accessToken)
  })

  test('that 20 commands renew at once is renewed once, and all 20 go on', async () => {
    const first = await readTokens()
    const countRenewals = () => service.log.filter((line) => line.includes('openid-connect/token"')).length
    const before = countRenewals()
    now += lifetimeMs

    const results = await Promise.all(Array.from({ length: 20 }, () => user.run('whoami')))

    expect(results).toEqual(results.map(() => ({ exitCode: 0, out: 'alice (oauth2)\n', told: '' })))
    expect(countRenewals() - before).toBe(1)
    expect((await readTokens()).refreshToken).not.toBe(first.refreshToken)
    // An identity provider that was shown an old token would have ended the login by now.
    now += lifetimeMs
    expect(await user.run('whoami')).toMatchObject({ exitCode: 0 })
    expect((await readdir(user.folder)).sort()).toEqual(['login-here.json', 'profiles.json'])
  })
})

describe('a login is over', () => {
  test('where its refresh token is refused: the dead tokens are removed, and it is told what to do', async () => {
    await changeTokens({ refreshToken: 'used-up' })
    now += lifetimeMs

    const refused = await user.run('whoami')
    const again = await user.run('whoami')

    expect(refused).toEqual({
      exitCode: 77,
      out: '',
      told: `latchkey: the login at ${service.url} has ended. Log in again: latchkey login\n`,
    })
    expect(again).toMatchObject({ exitCode: 77 })
    expect(await readdir(user.folder)).toEqual(['profiles.json'])
  })

  test('where there was no refresh token, when the access token ends', async () => {
    await changeTokens({ refreshToken: null })

    const before = await user.run('whoami')
    now += lifetimeMs
    const after = await user.run('whoami')

    expect(before.exitCode).toBe(0)
    expect(after).toMatchObject({ exitCode: 77 })
  })

  test('where somebody else used the stolen refresh token before', async () => {
    const stolen = await readFile(path(), 'utf8')
    now += lifetimeMs
    await user.run('whoami')
    const renewed = await readFile(path(), 'utf8')

    await writeFile(path(), stolen)
    const thief = await user.run('whoami')
    await writeFile(path(), renewed, { mode: 0o600 })
    now += lifetimeMs
    const victim = await user.run('whoami')

    expect(thief.exitCode).toBe(77)
    expect(victim.exitCode).toBe(77)
  })
})

test('while the identity provider is away nothing is lost: it is told, and the tokens stay', async () => {
  const other = await startService()
  user = await aCommandLine({ clock: () => now })
  await user.run('profile', 'create', other.url, '--name', 'here')
  await logInByBrowser(user, `${other.url}/dev-idp/realms/latchkey`)
  const tokens = await readTokens()
  await other.close()
  now += lifetimeMs

  const refused = await user.run('whoami')

  expect(refused).toMatchObject({ exitCode: 69, out: '' })
  expect(refused.told).toContain(
    `the identity provider ${other.url}/dev-idp/realms/latchkey cannot be reached (ECONNREFUSED)`,
  )
  expect(await readTokens()).toEqual(tokens)
})
