import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, expect } from 'vitest'
import type { Visitor } from '../support/browser.js'
import { type CommandLine, type Outcome, openCommandLine } from '../support/command-line.js'
import { signIn } from './people.js'
import type { World } from './world.js'

export const browserAddress = /http\S+\/protocol\/openid-connect\/auth\?\S+(?=\n)/
const deviceAddress = /http\S+\/device(?=\n)/

/** What a command prints that makes a key: the value alone, with the first eight as its group. */
export const printedValue = /^lk_(\w{8})_\w{49}\n$/

/** Terminals of people, with Chromium beside them; they are removed at the end of the test. */
export function useTerminals(world: World) {
  const opened: CommandLine[] = []
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((line) => line.remove()))
  })
  return { sitDown, logInByBrowser, answerCode }

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

const folderOf = ({ home }: CommandLine) => join(home, 'latchkey')
export const listFiles = async (line: CommandLine) => await readdir(folderOf(line))

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
