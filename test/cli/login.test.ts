import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createBrowser, submitForm } from '../support/browser-flow.js'
import { startService, type TestService } from '../support/service.js'
import { enterCode, logInByBrowser, passwordOf, waitForAddress } from './browser.js'
import { aCommandLine, type CommandLine } from './command-line.js'

let service: TestService
let issuer: string
beforeAll(async () => {
  service = await startService()
  issuer = `${service.url}/dev-idp/realms/latchkey`
})
afterAll(() => service.close())

/** Somebody who has made a profile. */
async function aUser(): Promise<CommandLine> {
  const user = await aCommandLine()
  await user.run('profile', 'create', service.url, '--name', 'here')
  return user
}

const readTokens = async ({ folder }: CommandLine) =>
  JSON.parse(await readFile(join(folder, 'login-here.json'), 'utf8'))

describe('login with the browser', () => {
  test('is told on stderr alone, and whoami tells who it was', async () => {
    const user = await aUser()

    const login = await logInByBrowser(user, issuer)

    expect(login).toMatchObject({ exitCode: 0, out: '' })
    expect(login.told).toContain(`Logged in at ${service.url} as alice.\n`)
    expect(await user.run('whoami')).toEqual({ exitCode: 0, out: 'alice (oauth2)\n', told: '' })
  })

  test('leaves tokens that only their owner can read, and shows none', async () => {
    const user = await aUser()

    const login = await logInByBrowser(user, issuer)

    const { accessToken, refreshToken } = await readTokens(user)
    expect((await stat(join(user.folder, 'login-here.json'))).mode & 0o777).toBe(0o600)
    for (const token of [accessToken, refreshToken]) {
      expect(token).toMatch(/^[\w.-]{20,}$/)
      expect(login.told).not.toContain(token)
      expect((await user.run('profile', 'show')).out).not.toContain(token)
    }
  })

  test('asks with PKCE, a state and a nonce, and to come back to the loopback address', async () => {
    const user = await aUser()
    const { terminal, ended } = user.begin('login', '--no-browser')
    const address = new URL(await waitForAddress(terminal, issuer))

    const asked = Object.fromEntries(address.searchParams)
    await createBrowser().request(
      `${asked.redirect_uri}?error=access_denied&state=${asked.state}&iss=${encodeURIComponent(issuer)}`,
    )
    await ended

    expect(asked).toMatchObject({
      response_type: 'code',
      client_id: 'latchkey-cli',
      scope: 'openid',
      code_challenge_method: 'S256',
      code_challenge: expect.stringMatching(/^[\w-]{43}$/),
      redirect_uri: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/callback$/),
      state: expect.stringMatching(/^[\w-]{43}$/),
      nonce: expect.stringMatching(/^[\w-]{43}$/),
    })
  })

  test('that was denied says so, and leaves nothing', async () => {
    const user = await aUser()
    const { terminal, ended } = user.begin('login', '--no-browser')
    const { searchParams } = new URL(await waitForAddress(terminal, issuer))

    const answer = new URLSearchParams({
      error: 'access_denied',
      state: searchParams.get('state') ?? '',
      iss: issuer,
    })
    await fetch(`${searchParams.get('redirect_uri')}?${answer}`)

    const denied = await ended
    expect(denied).toMatchObject({ exitCode: 1, out: '' })
    expect(denied.told).toContain('latchkey: the login was denied\n')
    expect(await user.run('whoami')).toMatchObject({ exitCode: 77 })
  })

  test.each([
    ['a code that nobody gave', { code: 'made-up' }, 'invalid_grant'],
    [
      'the answer of another issuer',
      { code: 'made-up', iss: 'https://evil.example' },
      'does not answer as one',
    ],
    ['an answer that names no issuer', { code: 'made-up', iss: undefined }, 'does not answer as one'],
  ])('does not take %s', async (_what, members, message) => {
    const user = await aUser()
    const { terminal, ended } = user.begin('login', '--no-browser')
    const { searchParams } = new URL(await waitForAddress(terminal, issuer))

    const answer = new URLSearchParams()
    const all = { state: searchParams.get('state') ?? '', iss: issuer, ...members }
    for (const [name, value] of Object.entries(all)) if (value !== undefined) answer.set(name, value)
    await fetch(`${searchParams.get('redirect_uri')}?${answer}`)

    const refused = await ended
    expect(refused.exitCode).not.toBe(0)
    expect(refused.told).toContain(message)
    expect(await user.run('whoami')).toMatchObject({ exitCode: 77 })
  })

  test('says that a key in the environment goes before it', async () => {
    const user = await aUser()
    user.env.LATCHKEY_API_KEY = (await service.createKey('bob')).value

    const login = await logInByBrowser(user, issuer)

    expect(login.told).toContain('as alice.\nLATCHKEY_API_KEY is set, and goes before this login')
    expect((await user.run('whoami')).out).toBe('bob (api-key)\n')
  })

  test('needs a profile, and says how to make one', async () => {
    const { run, env } = await aCommandLine()
    env.LATCHKEY_URL = service.url

    const refused = await run('login')

    expect(refused).toMatchObject({ exitCode: 64, out: '' })
    expect(refused.told).toContain(`latchkey profile create ${service.url}`)
  })
})

describe('login by a code', () => {
  test('is done in any browser, and told on stderr alone', async () => {
    const user = await aUser()
    const { terminal, ended } = user.begin('login', '--device')
    const browser = createBrowser()

    const confirm = await enterCode(browser, terminal, issuer)
    const form = await submitForm(browser, confirm, {})
    if (!(form instanceof URL)) await submitForm(browser, form, passwordOf('bob'))

    const login = await ended
    expect(login).toMatchObject({ exitCode: 0, out: '' })
    expect(login.told).toContain(
      `Open this address in a browser, on any machine, and type the code:\n\n  ${issuer}/device\n`,
    )
    expect(login.told).toContain('the code is good for 10 minutes')
    expect(login.told).toContain('as bob.\n')
    expect((await user.run('whoami')).out).toBe('bob (oauth2)\n')
  })

  test('that was denied says so, and leaves nothing', async () => {
    const user = await aUser()
    const { terminal, ended } = user.begin('login', '--device')
    const browser = createBrowser()

    const confirm = await enterCode(browser, terminal, issuer)
    await submitForm(browser, confirm, { abort: 'yes' })

    const denied = await ended
    expect(denied).toMatchObject({ exitCode: 1, out: '' })
    expect(denied.told).toContain('latchkey: the login was denied\n')
    expect(await user.run('whoami')).toMatchObject({ exitCode: 77 })
  })
})

describe('logout', () => {
  test('ends the login here and at the identity provider', async () => {
    const user = await aUser()
    await logInByBrowser(user, issuer)
    const path = join(user.folder, 'login-here.json')
    const stolen = await readFile(path, 'utf8')

    const out = await user.run('logout')

    expect(out).toEqual({ exitCode: 0, out: '', told: `Logged out at ${service.url}.\n` })
    await expect(stat(path)).rejects.toThrow('ENOENT')
    expect(await user.run('whoami')).toMatchObject({ exitCode: 77 })
    // Whoever copied the file before cannot renew what is in it.
    await writeFile(path, JSON.stringify({ ...JSON.parse(stolen), expiresAt: 0 }), { mode: 0o600 })
    expect(await user.run('whoami')).toMatchObject({ exitCode: 77 })
  })

  test('removes the tokens also where the identity provider is away, and says so', async () => {
    const other = await startService()
    const user = await aCommandLine()
    await user.run('profile', 'create', other.url, '--name', 'here')
    await logInByBrowser(user, `${other.url}/dev-idp/realms/latchkey`)
    await other.close()

    const out = await user.run('logout')

    expect(out.exitCode).toBe(0)
    expect(out.told).toContain('cannot be reached (ECONNREFUSED); the tokens are removed here')
    await expect(stat(join(user.folder, 'login-here.json'))).rejects.toThrow('ENOENT')
  })

  test('of nobody is no failure', async () => {
    const user = await aUser()

    expect(await user.run('logout')).toMatchObject({
      exitCode: 0,
      told: `Nobody is logged in at ${service.url}.\n`,
    })
  })

  test('comes with the end of the profile', async () => {
    const user = await aUser()
    await logInByBrowser(user, issuer)

    await user.run('profile', 'delete', 'here')

    await expect(stat(join(user.folder, 'login-here.json'))).rejects.toThrow('ENOENT')
  })
})

describe('tokens are not sent', () => {
  test('for a profile of the same name whose URL or issuer is another', async () => {
    const user = await aUser()
    await logInByBrowser(user, issuer)
    const path = join(user.folder, 'profiles.json')
    const profiles = await readFile(path, 'utf8')

    await writeFile(path, profiles.replace(`"issuer": "${issuer}"`, '"issuer": "http://127.0.0.1:1/evil"'))
    const toIssuer = await user.run('whoami')
    await writeFile(path, profiles.replace(`"url": "${service.url}"`, '"url": "http://127.0.0.1:1"'))
    const toService = await user.run('whoami')

    expect(toIssuer).toMatchObject({ exitCode: 77, out: '' })
    expect(toService).toMatchObject({ exitCode: 77, out: '' })
  })

  test.each(['', '{', '[]', '{"version":1}', '{"version":1,"accessToken":5}'])(
    'from a file that holds %j, which is told and left as it is',
    async (text) => {
      const user = await aUser()
      await logInByBrowser(user, issuer)
      const path = join(user.folder, 'login-here.json')
      await writeFile(path, text)

      const refused = await user.run('whoami')

      expect(refused).toMatchObject({ exitCode: 73, out: '' })
      expect(refused.told).toContain(`${path} is broken: remove it`)
      expect(await readFile(path, 'utf8')).toBe(text)
    },
  )
})

describe('a refused credential', () => {
  test('of a login is told with what to do', async () => {
    const user = await aUser()
    await logInByBrowser(user, issuer)
    const path = join(user.folder, 'login-here.json')
    await writeFile(path, JSON.stringify({ ...(await readTokens(user)), accessToken: 'no-token-of-yours' }))

    const refused = await user.run('whoami')

    expect(refused).toMatchObject({ exitCode: 77, out: '' })
    expect(refused.told).toContain('Log in again: latchkey login')
    expect(refused.told).not.toContain('no-token-of-yours')
  })

  test('that is a key is told to be the one in the environment', async () => {
    const user = await aUser()
    await logInByBrowser(user, issuer)
    user.env.LATCHKEY_API_KEY = 'lk_nothing_of_this'

    const refused = await user.run('whoami')

    expect(refused).toMatchObject({ exitCode: 1, out: '' })
    expect(refused.told).toContain('It is the key in LATCHKEY_API_KEY that is refused.')
    expect(refused.told).not.toContain('lk_nothing_of_this')
  })
})
