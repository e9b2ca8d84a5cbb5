import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import type { Visitor } from '../support/browser.js'
import {
  type CommandLine,
  type Outcome,
  openCommandLine,
  type Running,
  watchProcesses,
} from '../support/command-line.js'
import { ask, signIn } from './people.js'
import type { World } from './world.js'

const value = /^lk_(\w{8})_\w{49}\n$/

export interface TerminalJourneys {
  /** Two rights of alice that bob has not, to cut keys down to. */
  rights: [string, string]
  /** Lets the access token of who is logged in there end before the next command. */
  endAccessToken(line: CommandLine): Promise<void>
}

/** The command line at a terminal, with Chromium beside it. */
export function describeTerminal(world: World, { rights, endAccessToken }: TerminalJourneys): void {
  const [oneRight, otherRight] = rights
  const opened: CommandLine[] = []
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((line) => line.remove()))
  })

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
        expect([exitCode, stdout]).toEqual([0, expect.stringMatching(value)])
        values.push(stdout.trim())
        return { value: stdout.trim(), first8: value.exec(stdout)?.[1] ?? '' }
      }
      const list = async () => (await run('api_key', 'list')).stdout

      // $ latchkey profile create http://127.0.0.1:8000
      const profile = await run('profile', 'create', world.url)
      // $ latchkey login: the browser takes the place of its prompt for a password.
      const login = await logInByCode(line, 'alice')
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

  // Once: no identity provider has a part in it.
  if (world.mode === 'embedded')
    describe('whoever logs people in', () => {
      test('Ctrl-C ends a login that nobody finishes, and nothing of it stays', async () => {
        const line = await sitDown('with a profile')
        const login = line.start(['login'])
        const redirect = new URL(await login.told(browserAddress)).searchParams.get('redirect_uri') ?? ''

        login.type('\x03')
        const { exitCode, stdout } = await login.ended

        expect([exitCode, stdout]).toEqual([130, ''])
        await expect(fetch(redirect)).rejects.toThrow()
        expect((await line.run(['whoami'])).exitCode).toBe(77)
      })

      test('a value is in no list of processes, and not in what is told about it', async () => {
        const line = await sitDown('with a profile')
        await logInByBrowser(line, 'alice')
        const made = await line.run(['api-key', 'create', '--note', 'watched'])
        const secret = made.stdout.trim()
        await writeFile(join(line.home, 'value'), secret, { mode: 0o600 })

        const outcomes: Outcome[] = []
        const watch = async (running: Running) => {
          const seen = await watchProcesses(running.ended)
          outcomes.push(await running.ended)
          expect(seen).toContain(`${running.words.join(' ')}\n`)
          return seen
        }
        const lists = [
          await watch(line.start(['api-key', 'check', '--value-file', '-'], { stdin: 'value' })),
          await watch(line.start(['api-key', 'check', '--value-file', 'value'])),
          await watch(line.start(['api-key', 'check'], { env: { LATCHKEY_API_KEY: secret } })),
          await watch(line.start(['api-key', 'revoke', '--value-file', '-'], { stdin: 'value' })),
          await watch(line.start(['api-key', 'check', '--value-file', 'value'])),
        ]

        expect(secret).toMatch(/^lk_/)
        expect(outcomes.map(({ exitCode }) => exitCode)).toEqual([0, 0, 0, 0, 1])
        for (const list of lists) expect(list).not.toContain(secret)
        for (const { stdout, stderr } of outcomes) expect(stdout + stderr).not.toContain(secret)
        expect(made.stderr).not.toContain(secret)
      })

      test('what cannot be undone is asked at a terminal, and refused where there is none', async () => {
        const line = await sitDown('with a profile')
        await logInByBrowser(line, 'alice')
        const { stdout } = await line.run(['api-key', 'create', '--note', 'to be deleted'])
        const id = value.exec(stdout)?.[1] ?? ''
        await writeFile(join(line.home, 'nothing'), '')

        const unasked = await line.run(['api-key', 'delete', id], { stdin: 'nothing' })
        const no = line.start(['api-key', 'delete', id])
        await no.told(/Delete the key/)
        no.type('n\n')
        const kept = await no.ended
        const shown = await line.run(['api-key', 'show', id])
        const yes = line.start(['api-key', 'delete', id])
        await yes.told(/Delete the key/)
        yes.type('y\n')

        expect(unasked.exitCode).not.toBe(0)
        expect(unasked.stderr).toContain('--yes')
        expect(kept.exitCode).not.toBe(0)
        expect(shown.exitCode).toBe(0)
        expect((await yes.ended).exitCode).toBe(0)
        expect((await line.run(['api-key', 'show', id])).exitCode).toBe(1)
      })

      test('bob sees no key of alice, and can neither end it nor take rights that he has not', async () => {
        const [hers, his] = [await sitDown('with a profile'), await sitDown('with a profile')]
        await logInByBrowser(hers, 'alice')
        await logInByBrowser(his, 'bob')
        const { stdout } = await hers.run(['api-key', 'create', '--note', 'hers'])
        const [, id = ''] = value.exec(stdout) ?? []

        const list = await his.run(['api-key', 'list', '--all'])
        const revoke = await his.run(['api-key', 'revoke', id])
        const wanted = await his.run(['api-key', 'create', '--scopes', otherRight])

        expect(id).not.toBe('')
        expect(list.exitCode).toBe(0)
        expect(list.stdout).not.toContain(id)
        expect(revoke).toMatchObject({ exitCode: 1, stdout: '' })
        expect(wanted).toMatchObject({ exitCode: 1, stdout: '' })
        expect(wanted.stderr).toContain('insufficient_scope')
        expect(
          (await hers.run(['api-key', 'check'], { env: { LATCHKEY_API_KEY: stdout.trim() } })).exitCode,
        ).toBe(0)
      })

      test('a table is as wide as the terminal, and whole where there is room', async () => {
        const line = await sitDown('with a profile')
        await logInByBrowser(line, 'alice')
        const note = 'a note that is much too long for a terminal of eighty columns, to the last word of it'
        await line.run(['api-key', 'create', '--note', note])

        const narrow = await line.run(['api-key', 'list'], { columns: 80 })
        const wide = await line.run(['api-key', 'list'], { columns: 300 })

        expect(Math.max(...narrow.stdout.split('\n').map((row) => row.length))).toBeLessThanOrEqual(80)
        expect(narrow.stdout).not.toContain('the last word of it')
        expect(wide.stdout).toContain(note)
      })
    })

  /** A terminal of somebody who was never here, or who has made a profile. */
  async function sitDown(how: 'for the first time' | 'with a profile' = 'for the first time') {
    const line = await openCommandLine()
    opened.push(line)
    if (how === 'with a profile') {
      const { exitCode, stderr } = await line.run(['profile', 'create', world.url])
      expect([exitCode, stderr]).toEqual([0, expect.stringContaining('latchkey login')])
    }
    return line
  }

  async function logInByBrowser(line: CommandLine, person: string, visitor?: Visitor) {
    const { page } = visitor ?? (await world.newVisitor())
    const login = line.start(['login'])
    await page.goto(await login.told(browserAddress))
    await signIn(page, person)
    await page.getByText('Latchkey has the answer').waitFor()
    const text = await page.innerText('body')
    return { outcome: await login.ended, page: text }
  }

  const logInByCode = (line: CommandLine, person: string) => answerCode(line, person, 'yes')

  /** Types the code into a browser of another machine, and answers what is asked there. */
  async function answerCode(line: CommandLine, person: string, answer: 'yes' | 'no'): Promise<Outcome> {
    const visitor = await world.newVisitor()
    const { page } = visitor
    const login = line.start(['login', '--device'])
    await page.goto(await login.told(deviceAddress))
    await page.fill('#device_user_code', await login.told(/\b[A-Z]{4}-[A-Z]{4}\b/))
    await page.click('#kc-login')
    // Keycloak asks after the password whether it is theirs, the embedded identity provider before.
    const choose = async () => await page.click(answer === 'yes' ? '#kc-login' : '#kc-cancel')
    if (world.mode === 'keycloak') await signIn(page, person)
    await page.locator('#kc-cancel').waitFor()
    await world.photograph(visitor, `device-${answer}`)
    await choose()
    if (world.mode === 'embedded' && answer === 'yes') await signIn(page, person)
    const outcome = await login.ended
    await world.photograph(visitor, `device-${answer}-answered`)
    return outcome
  }
}

const browserAddress = /http\S+\/protocol\/openid-connect\/auth\?\S+(?=\n)/
const deviceAddress = /http\S+\/device(?=\n)/

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

const folderOf = ({ home }: CommandLine) => join(home, 'latchkey')
const listFiles = async (line: CommandLine) => await readdir(folderOf(line))

export interface StoredLogin {
  issuer: string
  clientId: string
  accessToken: string
  refreshToken: string
}

/** What the only login here has stored, as cli/login/stored-login.ts writes it. */
export async function readLogin(line: CommandLine): Promise<StoredLogin> {
  return JSON.parse(await readFile(await findLogin(line), 'utf8')) as StoredLogin
}

export async function writeLogin(line: CommandLine, login: object): Promise<void> {
  await writeFile(await findLogin(line), JSON.stringify(login))
}

async function findLogin(line: CommandLine): Promise<string> {
  const [name] = (await listFiles(line)).filter((file) => /^login-.*\.json$/.test(file))
  if (name === undefined) throw new Error('Nobody is logged in here')
  return join(folderOf(line), name)
}
