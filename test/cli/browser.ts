import { expect } from 'vitest'
import { developmentAccounts } from '../../src/dev/index.js'
import { type Browser, createBrowser, type Page, signIn, submitForm } from '../support/browser-flow.js'
import type { CommandLine, Ended } from './command-line.js'
import type { TestTerminal } from './terminal.js'

/** The first address that the terminal tells which begins so. */
export async function waitForAddress(
  terminal: Pick<TestTerminal, 'told'>,
  beginning: string,
): Promise<string> {
  const find = () =>
    terminal
      .told()
      .split('\n')
      .map((line) => line.trim())
      .find((line) => line.startsWith(beginning))
  await expect.poll(find, { timeout: 10_000 }).toBeTruthy()
  return find() ?? ''
}

export function passwordOf(person: 'alice' | 'bob'): { username: string; password: string } {
  const account = developmentAccounts.find(({ username }) => username === person)
  return { username: person, password: account?.password ?? '' }
}

/** Logs a person in as somebody with a browser does. */
export async function logInByBrowser(
  { begin }: CommandLine,
  issuer: string,
  person: 'alice' | 'bob' = 'alice',
): Promise<Ended> {
  const { terminal, ended } = begin('login', '--no-browser')
  const browser = createBrowser()
  const callback = await signIn({
    authorizationUrl: await waitForAddress(terminal, issuer),
    ...passwordOf(person),
    browser,
  })
  await browser.request(callback)
  return ended
}

/** Types what the terminal shows into the page of the identity provider. */
export async function enterCode(browser: Browser, terminal: TestTerminal, issuer: string): Promise<Page> {
  const page = await browser.visit(await waitForAddress(terminal, `${issuer}/device`))
  const code = /^ {2}([A-Z]{4}-[A-Z]{4})$/m.exec(terminal.told())?.[1] ?? 'none'
  return asPage(await submitForm(browser, asPage(page), { user_code: code }))
}

export function asPage(page: Page | URL): Page {
  if (page instanceof URL) throw new Error(`This leads to ${page}`)
  return page
}
