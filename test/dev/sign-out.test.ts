import * as oidc from 'openid-client'
import { expect, test } from 'vitest'
import { type Browser, type Page, submitForm } from '../support/browser-flow.js'
import { expectNothingInternal, expectPolicyFits } from './expectations.js'
import { aWorld, isAskedForPassword, logIn, type World } from './world.js'

test('signing out with the ID token asks nothing, goes back to the service, and ends the session', async () => {
  const world = await aWorld()
  const { browser, tokens } = await logIn(world)

  const page = await openSignOut(world, browser, {
    id_token_hint: tokens.id_token ?? '',
    post_logout_redirect_uri: `${world.publicUrl}/`,
    state: 'a-state',
  })
  expect(page.body).toContain('<script>')
  expectPolicyFits(page)
  const back = await pressSignOut(world, browser, page)

  expect(String(back)).toBe(`${world.publicUrl}/?state=a-state`)
  expect(await isAskedForPassword(world, browser)).toBe(true)
  await expect(oidc.refreshTokenGrant(world.service, tokens.refresh_token ?? '')).rejects.toMatchObject({
    error: 'invalid_grant',
  })
})

test('after signing out, the service’s own login page may be next', async () => {
  const world = await aWorld()
  const { browser, tokens } = await logIn(world)
  const post_logout_redirect_uri = `${world.publicUrl}/auth/login`

  const page = await openSignOut(world, browser, {
    id_token_hint: tokens.id_token ?? '',
    post_logout_redirect_uri,
  })

  expect(String(await pressSignOut(world, browser, page))).toBe(post_logout_redirect_uri)
})

test('signing out without the ID token asks first', async () => {
  const world = await aWorld()
  const { browser } = await logIn(world)

  const page = await openSignOut(world, browser)

  expect(page.status).toBe(200)
  expect(page.body).toContain('Do you want to sign out?')
  expect(page.body).toContain('id="kc-logout"')
  expect(page.body).not.toContain('<script')
  expectPolicyFits(page)
  expect(await isAskedForPassword(world, browser)).toBe(false)
})

test('whoever agrees is signed out', async () => {
  const world = await aWorld()
  const { browser } = await logIn(world)
  const page = await openSignOut(world, browser)

  const last = await submitForm(browser, page, { logout: 'yes' })

  if (last instanceof URL) throw new Error('expected the last page')
  expect(last.body).toContain('You are signed out')
  expectPolicyFits(last)
  expect(await isAskedForPassword(world, browser)).toBe(true)
})

test('the ID token of one person does not sign out another without asking', async () => {
  const world = await aWorld()
  const bob = await logIn(world, { username: 'bob', password: 'bob-pw' })
  const alice = await logIn(world)

  const page = await openSignOut(world, alice.browser, { id_token_hint: bob.tokens.id_token ?? '' })

  expect(page.body).toContain('Do you want to sign out?')
  expect(page.body).not.toContain('<script')
  expect(await isAskedForPassword(world, alice.browser)).toBe(false)
})

test('a form of another page cannot sign out, for it lacks the secret of this one', async () => {
  const world = await aWorld()
  const { browser } = await logIn(world)
  await openSignOut(world, browser)

  const refused = await browser.request(`${world.endpoint('logout')}/confirm`, {
    method: 'POST',
    body: new URLSearchParams({ logout: 'yes', xsrf: 'guessed' }),
  })

  expect(refused.status).toBe(400)
  expectNothingInternal(refused.body)
  expect(await isAskedForPassword(world, browser)).toBe(false)
})

test('an address that is not registered is refused after signing out', async () => {
  const world = await aWorld()
  const { browser, tokens } = await logIn(world)

  const page = await openSignOut(world, browser, {
    id_token_hint: tokens.id_token ?? '',
    post_logout_redirect_uri: 'https://evil.example/',
  })

  expect(page.status).toBe(400)
  expect(page.headers.get('location')).toBeNull()
  expect(page.body).not.toContain('evil.example')
  expect(await isAskedForPassword(world, browser)).toBe(false)
})

test('an ID token of another issuer is refused', async () => {
  const [world, other] = [await aWorld(), await aWorld()]
  const { browser } = await logIn(world)
  const { tokens } = await logIn(other)

  const page = await openSignOut(world, browser, { id_token_hint: tokens.id_token ?? '' })

  expect(page.status).toBe(400)
  expectNothingInternal(page.body)
  expect(await isAskedForPassword(world, browser)).toBe(false)
})

test('whoever is not signed in comes back to the service all the same', async () => {
  const world = await aWorld()
  const { browser, tokens } = await logIn(world)
  const parameters = {
    id_token_hint: tokens.id_token ?? '',
    post_logout_redirect_uri: `${world.publicUrl}/`,
  }
  await pressSignOut(world, browser, await openSignOut(world, browser, parameters))

  const page = await openSignOut(world, browser, parameters)
  expectPolicyFits(page)

  expect(String(await pressSignOut(world, browser, page))).toBe(`${world.publicUrl}/`)
})

function openSignOut(world: World, browser: Browser, parameters: Record<string, string> = {}): Promise<Page> {
  return browser.request(`${world.endpoint('logout')}?${new URLSearchParams(parameters)}`)
}

/** What the page's script does. */
const pressSignOut = (world: World, browser: Browser, page: Page) =>
  submitForm(browser, page, { logout: 'yes' }, ({ href }) => !href.startsWith(world.issuer))
