import { describe, expect, test } from 'vitest'
import type { CommandLine, Outcome } from '../support/command-line.js'
import { ask } from './people.js'
import { browserAddress, listFiles, printedValue, readLogin, useTerminals } from './terminal.js'
import type { World } from './world.js'

export interface TerminalLogins {
  /** Two rights of alice, to cut keys down to. */
  rights: [string, string]
  /** Lets the access token of who is logged in there end before the next command. */
  endAccessToken(line: CommandLine): Promise<void>
}

/** The command line at a terminal, where the identity provider has a part in it. */
export function describeTerminalLogins(world: World, { rights, endAccessToken }: TerminalLogins): void {
  const [oneRight, otherRight] = rights
  const { sitDown, logInByBrowser, answerCode } = useTerminals(world)

  describe('at a terminal', () => {
    test('the session that Tiled documents works, command by command', async () => {
      const line = await sitDown()
      const values: string[] = []
      const outcomes: Outcome[] = []
      const run = async (...words: string[]) => {
        const outcome = await line.run(words)
        outcomes.push(outcome)
        return outcome
      }
      const create = async (...words: string[]) => {
        const { exitCode, stdout } = await run('api_key', 'create', ...words)
        expect([exitCode, stdout]).toEqual([0, expect.stringMatching(printedValue)])
        values.push(stdout.trim())
        return { value: stdout.trim(), first8: printedValue.exec(stdout)?.[1] ?? '' }
      }
      const list = async () => (await run('api_key', 'list')).stdout

      // $ latchkey profile create http://127.0.0.1:8000
      const profile = await run('profile', 'create', world.url)
      // $ latchkey login: the browser takes the place of its prompt for a password.
      const login = await answerCode(line, 'alice', 'yes')
      // $ latchkey api_key create
      const whole = await create()
      const used = await ask(`${world.url}/me`, { headers: { authorization: `Apikey ${whole.value}` } })
      // $ latchkey api_key
      const help = await run('api_key')
      const first = await list()
      // $ latchkey api_key create --expires-in 600 --scopes read:metadata
      const short = await create('--expires-in', '600', '--scopes', oneRight)
      const second = await list()
      // $ latchkey api_key create --note="Data validation pipeline" --scopes read:metadata read:data
      const noted = await create('--note=Data validation pipeline', '--scopes', oneRight, otherRight)
      const third = await list()
      // $ latchkey api_key revoke 573928c6
      const revoked = await run('api_key', 'revoke', noted.first8)
      const fourth = await list()
      const refused = await ask(`${world.url}/me`, { headers: { authorization: `Apikey ${noted.value}` } })
      // Passing the full key also works.
      const revokedByValue = await run('api_key', 'revoke', short.value)
      const fifth = await list()

      expect([profile, login].map(({ exitCode, stdout }) => [exitCode, stdout])).toEqual([
        [0, ''],
        [0, ''],
      ])
      expect(login.stderr).toContain(`Logged in at ${world.url} as alice.`)
      expect(used).toMatchObject({ status: 200, body: { login: 'alice', via: 'api-key' } })
      expect(help).toMatchObject({ exitCode: 64, stdout: '' })
      expect(help.stderr).toMatch(/api-key\|api_key.*create.*list.*revoke/s)
      expect(rowsOf(first)).toEqual([[whole.first8, expect.stringContaining('inherit')]])
      expect(rowsOf(second)).toEqual([
        [whole.first8, expect.stringContaining('inherit')],
        [short.first8, expect.stringMatching(aTimeBefore(601))],
      ])
      expect(rowsOf(third).at(-1)).toEqual([
        noted.first8,
        expect.stringMatching(`Data validation pipeline +${oneRight} ${otherRight}`),
      ])
      expect(revoked.exitCode).toBe(0)
      expect(rowsOf(fourth).map(([id]) => id)).toEqual([whole.first8, short.first8])
      expect(refused).toMatchObject({ status: 401, body: { code: 'invalid_credential' } })
      expect(revokedByValue.exitCode).toBe(0)
      expect(rowsOf(fifth).map(([id]) => id)).toEqual([whole.first8])
      for (const told of [...outcomes, login].map(({ stderr }) => stderr).concat(first, third, fifth)) {
        for (const secret of values) expect(told).not.toContain(secret)
      }
    })

    test('Chromium logs alice in, and the terminal knows who she is', async () => {
      const line = await sitDown('with a profile')

      const { outcome, page } = await logInByBrowser(line, 'alice')
      const me = await line.run(['whoami'])

      expect(outcome).toMatchObject({ exitCode: 0, stdout: '' })
      expect(page).toContain('Go back to the terminal')
      expect(me).toMatchObject({ exitCode: 0, stdout: 'alice (oauth2)\n' })
      expect(await world.log()).not.toMatch(/eyJ[\w-]{20}/)
    })

    test('whoever is logged in in the browser is not asked again', async () => {
      const [one, other] = [await sitDown('with a profile'), await sitDown('with a profile')]
      const visitor = await world.newVisitor()
      await logInByBrowser(one, 'bob', visitor)

      const login = other.start(['login'])
      await visitor.page.goto(await login.told(browserAddress))
      await visitor.page.getByText('Latchkey has the answer').waitFor()

      expect((await login.ended).stderr).toContain('as bob.')
      expect((await other.run(['whoami'])).stdout).toBe('bob (oauth2)\n')
    })

    test('a machine without a browser is let in by its code, and only by whoever says yes', async () => {
      const line = await sitDown('with a profile')

      const denied = await answerCode(line, 'bob', 'no')
      const before = await line.run(['whoami'])
      const allowed = await answerCode(line, 'bob', 'yes')

      expect(denied).toMatchObject({ exitCode: 1, stdout: '' })
      expect(denied.stderr).toContain('denied')
      expect(before.exitCode).toBe(77)
      expect(allowed).toMatchObject({ exitCode: 0, stdout: '' })
      expect((await line.run(['whoami'])).stdout).toBe('bob (oauth2)\n')
    })

    test('a login goes on when its access token has ended, and nobody is asked', async () => {
      const line = await sitDown('with a profile')
      await logInByBrowser(line, 'alice')
      const before = await readLogin(line)
      await endAccessToken(line)

      const me = await line.run(['whoami'])
      const after = await readLogin(line)
      const again = await line.run(['whoami'])

      expect([me, again].map(({ stdout }) => stdout)).toEqual(['alice (oauth2)\n', 'alice (oauth2)\n'])
      expect(me.stderr).toBe('')
      expect(after.accessToken).not.toBe(before.accessToken)
      expect(after.refreshToken).not.toBe(before.refreshToken)
    })

    test('twenty commands that find the access token ended at once all go on', async () => {
      const line = await sitDown('with a profile')
      await logInByBrowser(line, 'alice')
      await endAccessToken(line)

      const all = await Promise.all(Array.from({ length: 20 }, () => line.run(['whoami'])))
      const after = await line.run(['whoami'])

      expect(all.map(({ exitCode, stdout }) => [exitCode, stdout])).toEqual(
        Array(20).fill([0, 'alice (oauth2)\n']),
      )
      expect(after.exitCode).toBe(0)
    })

    test('logging out ends the login at the identity provider as well', async () => {
      const line = await sitDown('with a profile')
      await logInByBrowser(line, 'alice')
      const { issuer, clientId, refreshToken } = await readLogin(line)

      const out = await line.run(['logout'])
      const me = await line.run(['whoami'])
      const stolen = await fetch(`${issuer}/protocol/openid-connect/token`, {
        method: 'POST',
        body: new URLSearchParams({
          grant_type: 'refresh_token',
          client_id: clientId,
          refresh_token: refreshToken,
        }),
      })

      expect(out).toMatchObject({ exitCode: 0, stdout: '' })
      expect(me).toMatchObject({ exitCode: 77, stdout: '' })
      expect(stolen.status).toBe(400)
      expect(await stolen.json()).toMatchObject({ error: 'invalid_grant' })
      expect((await listFiles(line)).filter((name) => name.startsWith('login-'))).toEqual([])
    })
  })
}

/** The first column of a table without its head, and the rest. */
function rowsOf(table: string): [string, string][] {
  const [head = '', ...rows] = table.trimEnd().split('\n')
  expect(head).toMatch(/^First 8 +Expires at \(UTC\) +Latest activity +Note +Scopes +Status$/)
  return rows.map((row) => [row.slice(0, 8), row.slice(8)])
}

/** A time in a table that is at most so many seconds away. */
function aTimeBefore(seconds: number): RegExp {
  const times = Array.from({ length: seconds }, (_, at) =>
    new Date(Date.now() + at * 1000).toISOString().slice(0, 19),
  )
  return new RegExp(times.join('|'))
}
