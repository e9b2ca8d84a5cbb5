import type { Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import {
  ask,
  beginLogin,
  logInByBar,
  logInQuickly,
  readCookies,
  readLogin,
  signIn,
  waitForBar,
} from './people.js'
import type { World } from './world.js'

const SESSION = 'latchkey_session'
const PENDING = 'latchkey_login'

/** Logging in and out by the bar of the documentation. */
export function describeLogin(world: World): void {
  describe('logging in', () => {
    test('the bar tells who is not logged in that they are not', async () => {
      const visitor = await world.newVisitor()
      await visitor.page.goto(`${world.url}/`)
      await waitForBar(visitor.page, 'Not logged in')
      await world.photograph(visitor, 'docs-anonymous')

      const me = await ask(`${world.url}/me`)

      expect(visitor.page.url()).toBe(`${world.url}/docs`)
      expect(await visitor.page.locator('#login-bar-logout').count()).toBe(0)
      expect(me).toMatchObject({ status: 401, body: { code: 'not_authenticated' } })
    })

    test('a wrong password keeps a person out and says so, the right one lets them in, also after a reload', async () => {
      const visitor = await world.newVisitor({ refusals: ['/dev-idp/realms/latchkey/login-actions/'] })
      const { page } = visitor
      await page.goto(`${world.url}/docs`)
      await page.click('#login-bar-login')
      await page.locator('#password').waitFor()
      await world.photograph(visitor, 'login-form')

      await signIn(page, 'alice', 'bob-pw')
      await page.getByText('Invalid username or password.').waitFor()
      await world.photograph(visitor, 'login-form-refused')
      const cookiesWhenRefused = await page.context().cookies(world.url)
      await signIn(page, 'alice')
      await waitForBar(page, 'Logged in as alice')
      await world.photograph(visitor, 'docs-logged-in')
      await page.reload()
      await waitForBar(page, 'Logged in as alice')

      expect(cookiesWhenRefused.map(({ name }) => name)).not.toContain(SESSION)
      expect(page.url()).toBe(`${world.url}/docs`)
    })

    test('the session is kept from scripts and from other sites, and nothing of the login stays behind', async () => {
      const { page } = await world.newVisitor()

      await logInQuickly(page, world, 'alice')

      const cookies = await page.context().cookies(world.url)
      const session = cookies.find(({ name }) => name === SESSION)
      expect(session).toMatchObject({
        domain: '127.0.0.1',
        path: '/',
        httpOnly: true,
        sameSite: 'Lax',
        secure: false,
      })
      expect(session?.expires).toBeGreaterThan(Date.now() / 1000 + 9 * 3600)
      expect(session?.expires).toBeLessThan(Date.now() / 1000 + 11 * 3600)
      expect(cookies.filter(({ name }) => name.startsWith(PENDING))).toEqual([])
      expect(await page.evaluate('document.cookie')).not.toContain(SESSION)
    })

    test('who logs in as someone else is nobody until then, and is out everywhere after the logout', async () => {
      const visitor = await world.newVisitor()
      const { page } = visitor
      const meOf = (cookie: string) => ask(`${world.url}/me`, { headers: { cookie } })
      await logInByBar(page, world, 'alice')
      const cookieOfAlice = await readCookies(page, world)
      const alice = await meOf(cookieOfAlice)

      await page.click('#login-bar-switch')
      await page.locator('#password').waitFor()
      const aliceAtTheForm = await meOf(cookieOfAlice)
      await signIn(page, 'bob')
      await page.waitForURL(`${world.url}/docs`)
      await waitForBar(page, 'Logged in as bob')
      const cookieOfBob = await readCookies(page, world)
      const [bob, aliceAfterwards] = [await meOf(cookieOfBob), await meOf(cookieOfAlice)]

      await page.click('#login-bar-logout')
      await waitForBar(page, 'Not logged in')
      await world.photograph(visitor, 'docs-logged-out')
      const after = await meOf(cookieOfBob)
      await page.click('#login-bar-login')
      await page.locator('#password').waitFor()

      expect(alice).toMatchObject({ status: 200, body: { login: 'alice', via: 'session' } })
      expect([aliceAtTheForm.status, aliceAfterwards.status]).toEqual([401, 401])
      expect(bob).toMatchObject({ status: 200, body: { login: 'bob', via: 'session' } })
      expect(after.status).toBe(401)
      expect(JSON.stringify([aliceAtTheForm.body, aliceAfterwards.body, after.body])).not.toMatch(/alice|bob/)
    })

    test('another name of this machine leads to the one that the identity provider knows', async () => {
      const { page } = await world.newVisitor()

      await page.goto(`${world.url.replace('127.0.0.1', 'localhost')}/docs`)

      expect(page.url()).toBe(`${world.url}/docs`)
    })
  })

  describe('a login that comes to nothing', () => {
    test('ends, when it was cancelled, on a page that says so and leads back', async () => {
      const visitor = await world.newVisitor({ refusals: ['/auth/callback'] })
      const { page } = visitor
      const { query } = await beginLogin(page, world)

      const answer = await page.goto(`${world.url}/auth/callback?error=access_denied&${query}`)
      await world.photograph(visitor, 'login-cancelled')

      expect(answer?.status()).toBe(400)
      expectErrorPage(await page.content())
      await page.click('text=Log in again')
      await page.locator('#password').waitFor()
    })

    test.each([
      ['without anything', ''],
      ['of a login that is not under way', '?code=forged&state=forged'],
      ['with a script in its state', '?code=x&state=<script>alert(1)</script>'],
    ])('ends, when the callback comes %s, on a page that tells nothing', async (_case, query) => {
      const { page } = await world.newVisitor({ refusals: ['/auth/callback'] })

      const answer = await page.goto(`${world.url}/auth/callback${query}`)

      expect(answer?.status()).toBe(400)
      expect(answer?.headers()['content-type']).toContain('text/html')
      expectErrorPage(await page.content())
      expect((await page.context().cookies(world.url)).map(({ name }) => name)).not.toContain(SESSION)
    })

    test('ends, when the code is forged, on a page that tells nothing', async () => {
      const { page } = await world.newVisitor({ refusals: ['/auth/callback'] })
      const { query } = await beginLogin(page, world)

      const answer = await page.goto(`${world.url}/auth/callback?code=forged&${query}`)

      expect(answer?.status()).toBe(400)
      expectErrorPage(await page.content())
      expect((await page.context().cookies(world.url)).map(({ name }) => name)).not.toContain(SESSION)
    })

    test('does not end the session of who is logged in when an old callback is opened again', async () => {
      const { page } = await world.newVisitor({ refusals: ['/auth/callback'] })
      const callback = page.waitForRequest((request) => request.url().includes('/auth/callback?'))
      await logInQuickly(page, world, 'alice')

      const answer = await page.goto((await callback).url())

      expect(answer?.status()).toBe(400)
      expect(await readLogin(page, world)).toBe('alice')
    })

    test('is not started by another site that sends the form of the logout', async () => {
      const { page } = await world.newVisitor({ refusals: ['/auth/logout'] })
      await logInQuickly(page, world, 'alice')
      await page.route('http://elsewhere.test/', (route) =>
        route.fulfill({
          contentType: 'text/html',
          body: `<form method="post" action="${world.url}/auth/logout"><button>Win</button></form>`,
        }),
      )
      await page.goto('http://elsewhere.test/')

      const answering = page.waitForResponse(`${world.url}/auth/logout`)
      await page.click('button')

      expect((await answering).status()).toBe(403)
      expect(await readLogin(page, world)).toBe('alice')
    })
  })

  describe('on a phone', () => {
    test('the documentation is as wide as the screen, and the buttons of its bar can be pressed, logged in or not', async () => {
      const visitor = await world.newVisitor({ device: 'phone' })
      const { page } = visitor
      await page.goto(`${world.url}/docs`)
      await waitForBar(page, 'Not logged in')
      await world.photograph(visitor, 'phone-docs-anonymous')
      const width = await page.evaluate('document.documentElement.clientWidth')
      const overflowWhenAnonymous = await listOverflow(page, '#login-bar')

      await page.tap('#login-bar-login')
      await page.locator('#password').waitFor()
      await world.photograph(visitor, 'phone-login-form')
      await signIn(page, 'alice')
      await waitForBar(page, 'Logged in as alice')
      await world.photograph(visitor, 'phone-docs-logged-in')
      const overflow = await listOverflow(page, '#login-bar')
      await page.tap('#login-bar-logout')
      await waitForBar(page, 'Not logged in')

      expect(width).toBe(390)
      expect(overflowWhenAnonymous).toEqual([])
      expect(overflow).toEqual([])
    })

    test('the page of a failed login fits', async () => {
      const visitor = await world.newVisitor({ device: 'phone', refusals: ['/auth/callback'] })

      await visitor.page.goto(`${world.url}/auth/callback?code=forged&state=forged`)
      await world.photograph(visitor, 'phone-login-failed')

      expect(await listOverflow(visitor.page, 'body')).toEqual([])
    })
  })
}

function expectErrorPage(html: string): void {
  expect(html).toContain('Login failed')
  expect(html).toContain('Log in again')
  expect(html).not.toMatch(/node_modules|\.js:\d|Error:|forged|<script|ResponseBodyError/)
}

/** What of an element, itself included, lies outside the window's width. */
async function listOverflow(page: Page, selector: string): Promise<unknown> {
  // A text, since this code runs in the page and not here.
  return await page.evaluate(`(() => {
    const root = document.querySelector(${JSON.stringify(selector)})
    const width = document.documentElement.clientWidth
    return [root, ...root.querySelectorAll('*')]
      .filter((element) => element.getBoundingClientRect().left < 0 || element.getBoundingClientRect().right > width)
      .map((element) => element.outerHTML.slice(0, 100))
  })()`)
}
