import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  type Browser,
  createBrowser,
  type Page,
  SignInRefused,
  signIn,
  submitForm,
} from '../support/browser-flow.js'
import { startService, type TestService } from '../support/service.js'

let service: TestService
beforeAll(async () => {
  service = await startService()
})
afterAll(() => service.close())

const passwords = { alice: 'alice-pw', bob: 'bob-pw' }

/** The address at the identity provider that a login leads to, for this browser. */
async function askForLogin(browser: Browser, query = ''): Promise<string> {
  const { headers } = await browser.request(`${service.url}/auth/login${query}`)
  return headers.get('location') ?? ''
}

/** A whole login, as a person does it. @returns the last page */
async function logIn(browser: Browser, username: 'alice' | 'bob', query = ''): Promise<Page> {
  const authorizationUrl = await askForLogin(browser, query)
  const callback = await signIn({ authorizationUrl, username, password: passwords[username], browser })
  return browser.request(callback)
}

async function whoIs(browser: Browser): Promise<string | undefined> {
  const { status, body } = await browser.request(`${service.url}/me`)
  return status === 200 ? JSON.parse(body).login : undefined
}

/** Presses a button of the login bar. */
const logOut = (browser: Browser, fields: Record<string, string> = {}) =>
  browser.visit(`${service.url}/auth/logout`, {
    method: 'POST',
    body: new URLSearchParams(fields),
    headers: { origin: service.url },
  })

const sessionOf = (browser: Browser) => browser.cookies.find(({ name }) => name === 'latchkey_session')?.value
const isPasswordForm = (page: Page | URL) => !(page instanceof URL) && page.body.includes('id="kc-login"')

test('alice logs in with her password and is an administrator, bob is none', async () => {
  const [one, other] = [createBrowser(), createBrowser()]
  const last = await logIn(one, 'alice', '?return_to=/docs')
  await logIn(other, 'bob')

  const [alice, bob] = await Promise.all(
    [one, other].map(async (browser) => JSON.parse((await browser.request(`${service.url}/me`)).body)),
  )
  expect(last.status).toBe(302)
  expect(last.headers.get('location')).toBe(`${service.url}/docs`)
  expect(alice).toMatchObject({ login: 'alice', name: 'Alice Liddell', via: 'session' })
  expect(alice.roles).toContain('latchkey-admin')
  expect(bob.login).toBe('bob')
  expect(bob.roles).not.toContain('latchkey-admin')
})

test('with the session one makes a key, and the key works without it', async () => {
  const browser = createBrowser()
  await logIn(browser, 'bob')

  const made = await browser.request(`${service.url}/api-keys`, {
    method: 'POST',
    body: JSON.stringify({ name: 'of a session' }),
    headers: { 'content-type': 'application/json', origin: service.url },
  })

  expect(made.status).toBe(201)
  const me = await service.inject({ url: '/me', headers: { 'x-api-key': JSON.parse(made.body).value } })
  expect(me.json).toMatchObject({ login: 'bob', via: 'api-key' })
})

test.each([
  ['alice', 'bob-pw'],
  ['alice', ''],
  ['nobody', 'alice-pw'],
])('%s with the password %j gets no session', async (username, password) => {
  const browser = createBrowser()
  const authorizationUrl = await askForLogin(browser)

  const refused = signIn({ authorizationUrl, username, password, browser })

  await expect(refused).rejects.toThrow(SignInRefused)
  expect(sessionOf(browser)).toBeUndefined()
  expect(await whoIs(browser)).toBeUndefined()
})

test('after a logout the old cookie is refused and the next login asks for the password', async () => {
  const browser = createBrowser()
  await logIn(browser, 'alice')
  const cookie = `latchkey_session=${sessionOf(browser)}`

  const last = await logOut(browser)

  expect(last instanceof URL ? last.pathname : last.url.pathname).toMatch(/^\/(docs|dev-idp)/)
  const replayed = await service.inject({ url: '/me', headers: { cookie } })
  expect(replayed.status).toBe(401)
  expect(await whoIs(browser)).toBeUndefined()
})

test('"log in as someone else" leads to the password form, and makes a session of the other', async () => {
  const browser = createBrowser()
  await logIn(browser, 'alice')
  const before = sessionOf(browser)

  let page = await logOut(browser, { continue: 'login' })
  // The identity provider signs out with a form that a script sends; without scripts one presses its button.
  if (!isPasswordForm(page)) page = await submitForm(browser, page as Page, { logout: 'yes' })
  expect(isPasswordForm(page)).toBe(true)
  await submitForm(browser, page as Page, { username: 'bob', password: 'bob-pw' })

  expect(await whoIs(browser)).toBe('bob')
  expect(sessionOf(browser)).not.toBe(before)
})

test('two tabs that ask for a login at the same moment both end logged in', async () => {
  const browser = createBrowser()
  const [one = '', other = ''] = await Promise.all([askForLogin(browser), askForLogin(browser)])

  const first = await signIn({ authorizationUrl: one, username: 'alice', password: 'alice-pw', browser })
  const second = await signIn({ authorizationUrl: other, username: 'alice', password: 'alice-pw', browser })
  const answers = [await browser.request(second), await browser.request(first)]

  expect(answers.map(({ status }) => status)).toEqual([302, 302])
  expect(await whoIs(browser)).toBe('alice')
})

test('a code of one login does not end another, though both are under way in this browser', async () => {
  const browser = createBrowser()
  const [one, other] = [await askForLogin(browser), await askForLogin(browser)]
  const callback = await signIn({ authorizationUrl: one, username: 'alice', password: 'alice-pw', browser })
  callback.searchParams.set('state', new URL(other).searchParams.get('state') ?? '')

  const answer = await browser.request(callback)

  expect(answer.status).toBe(400)
  expect(sessionOf(browser)).toBeUndefined()
})

test('a code that was stolen from one browser logs nobody in at another', async () => {
  const victim = createBrowser()
  const authorizationUrl = await askForLogin(victim)
  const callback = await signIn({
    authorizationUrl,
    username: 'alice',
    password: 'alice-pw',
    browser: victim,
  })
  const thief = createBrowser()
  const own = await askForLogin(thief)

  const asItIs = await thief.request(callback)
  callback.searchParams.set('state', new URL(own).searchParams.get('state') ?? '')
  const withOwnState = await thief.request(callback)

  expect([asItIs.status, withOwnState.status]).toEqual([400, 400])
  expect(sessionOf(thief)).toBeUndefined()
})

test('the back button to a login that ended shows a page that leads on, and keeps the session', async () => {
  const browser = createBrowser()
  const authorizationUrl = await askForLogin(browser)
  const callback = await signIn({ authorizationUrl, username: 'alice', password: 'alice-pw', browser })
  await browser.request(callback)

  const again = await browser.request(callback)

  expect(again.status).toBe(400)
  expect(again.body).toContain('go to the start page')
  expect(await whoIs(browser)).toBe('alice')
})
