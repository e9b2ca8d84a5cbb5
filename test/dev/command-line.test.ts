import { decodeJwt } from 'jose'
import * as oidc from 'openid-client'
import { beforeEach, describe, expect, test } from 'vitest'
import { type Browser, createBrowser, signIn, submitForm } from '../support/browser-flow.js'
import { asPage } from './devices.js'
import { expectNothingInternal, expectPolicyFits } from './expectations.js'
import { aWorld, cliClientId, isAskedForPassword, logIn, type World } from './world.js'

const alice = { username: 'alice', password: 'alice-pw' }
/** Nobody listens there: the tests stop before that redirect. */
const callbackUrl = 'http://127.0.0.1:54321/callback'

let world: World
let commandLine: oidc.Configuration
beforeEach(async () => {
  world = await aWorld()
  commandLine = await oidc.discovery(new URL(world.issuer), cliClientId, undefined, oidc.None(), {
    execute: [oidc.allowInsecureRequests],
  })
})

describe('the command line', () => {
  test.each([1024, 54321, 65535])('logs people in on port %i of the loopback address', async (port) => {
    const login = await begin({ redirect_uri: `http://127.0.0.1:${port}/callback` })

    const callback = await signIn({ authorizationUrl: login.url, ...alice })
    const tokens = await login.finish(callback)

    expect(callback.origin).toBe(`http://127.0.0.1:${port}`)
    expect(callback.searchParams.get('iss')).toBe(world.issuer)
    expect(decodeJwt(tokens.access_token)).toMatchObject({
      typ: 'Bearer',
      azp: cliClientId,
      aud: 'latchkey',
      preferred_username: 'alice',
    })
    expect(tokens.refresh_token).toBeTruthy()
  })

  test('asks nothing of whoever is signed in already', async () => {
    const { browser } = await logIn(world, { username: 'bob', password: 'bob-pw' })
    const login = await begin()

    const callback = await browser.visit(login.url, {}, isCallback)
    const tokens = await login.finish(callback as URL)

    expect(tokens.claims()?.preferred_username).toBe('bob')
  })

  test('lets a person in who is not the one signed in here', async () => {
    const { browser } = await logIn(world, { username: 'bob', password: 'bob-pw' })
    const login = await begin({ prompt: 'login' })
    const form = asPage(await browser.visit(login.url))

    const endOfOther = asPage(await submitForm(browser, form, alice))
    const callback = await submitForm(browser, endOfOther, {}, isCallback)

    // Chromium holds a form against the redirects that follow it.
    expect(endOfOther.headers.get('content-security-policy')).toMatch(
      /form-action 'self' http:\/\/127\.0\.0\.1:\d+ http:\/\/127\.0\.0\.1:\*;/,
    )
    expectPolicyFits(endOfOther)
    expect((await login.finish(callback as URL)).claims()?.preferred_username).toBe('alice')
  })

  test('is led back to from a form that may lead there and nowhere else', async () => {
    const { url } = await begin()

    const form = asPage(await createBrowser().visit(url))

    const policy = form.headers.get('content-security-policy')
    expect(policy).toContain(`form-action 'self' ${world.publicUrl} http://127.0.0.1:54321;`)
    expectPolicyFits(form)
  })

  test('goes on with each refresh token once, and then with the next', async () => {
    const { tokens } = await logInCommandLine()

    const second = await oidc.refreshTokenGrant(commandLine, tokens.refresh_token ?? '')
    const third = await oidc.refreshTokenGrant(commandLine, second.refresh_token ?? '')

    expect(new Set([tokens, second, third].map(({ refresh_token }) => refresh_token)).size).toBe(3)
    expect(decodeJwt(third.access_token).preferred_username).toBe('alice')
  })

  test('that presents a refresh token twice is logged out, for one of the two may be a thief', async () => {
    const { tokens } = await logInCommandLine()
    const second = await oidc.refreshTokenGrant(commandLine, tokens.refresh_token ?? '')

    await expectRefusal(() => oidc.refreshTokenGrant(commandLine, tokens.refresh_token ?? ''))

    await expectRefusal(() => oidc.refreshTokenGrant(commandLine, second.refresh_token ?? ''))
  })

  test('logs out by revoking its refresh token, and the browser stays signed in', async () => {
    const { tokens, browser } = await logInCommandLine()

    await oidc.tokenRevocation(commandLine, tokens.refresh_token ?? '')

    await expectRefusal(() => oidc.refreshTokenGrant(commandLine, tokens.refresh_token ?? ''))
    expect(await isAskedForPassword(world, browser)).toBe(false)
  })

  test('logs in again after it logged out', async () => {
    const { tokens, browser } = await logInCommandLine()
    await oidc.tokenRevocation(commandLine, tokens.refresh_token ?? '')

    const again = await logInCommandLine(browser)

    const renewed = await oidc.refreshTokenGrant(commandLine, again.tokens.refresh_token ?? '')
    expect(renewed.access_token).toBeTruthy()
  })

  test('is logged out where its person signs out in the browser', async () => {
    const { tokens, browser } = await logInCommandLine()
    const page = asPage(await browser.visit(world.endpoint('logout')))
    await submitForm(browser, page, { logout: 'yes' })

    await expectRefusal(() => oidc.refreshTokenGrant(commandLine, tokens.refresh_token ?? ''))
  })
})

describe('a login is refused', () => {
  test.each([
    ['another path', 'http://127.0.0.1:54321/other'],
    ['a path below', 'http://127.0.0.1:54321/callback/x'],
    ['a query', 'http://127.0.0.1:54321/callback?to=x'],
    ['the name of the address', 'http://localhost:54321/callback'],
    ['another form of the address', 'http://[::1]:54321/callback'],
    ['a host that begins so', 'http://127.0.0.1.evil.example:54321/callback'],
    ['a host behind the address', 'http://127.0.0.1:54321@evil.example/callback'],
    ['another scheme', 'https://127.0.0.1:54321/callback'],
    ['the page of another client', 'PUBLIC/auth/callback'],
  ])('for a redirect to %s, and it redirects nowhere', async (_what, redirectUri) => {
    const { url } = await begin({ redirect_uri: redirectUri.replace('PUBLIC', world.publicUrl) })

    const page = asPage(await createBrowser().request(url))

    expect(page.status).toBe(400)
    expect(page.headers.get('location')).toBeNull()
    expect(page.body).not.toContain('evil')
    expectNothingInternal(page.body)
  })

  test.each([
    ['without a code challenge', { code_challenge: '', code_challenge_method: '' }],
    ['with a challenge in plain', { code_challenge_method: 'plain' }],
  ])('%s', async (_what, parameters) => {
    const { url } = await begin(parameters)

    const callback = await createBrowser().visit(url, {}, isCallback)

    expect((callback as URL).searchParams.get('error')).toBe('invalid_request')
    expect((callback as URL).searchParams.has('code')).toBe(false)
  })

  test.each([
    ['without its verifier', { code_verifier: '' }],
    ['with another verifier', { code_verifier: oidc.randomPKCECodeVerifier() }],
    ['at another port', { redirect_uri: 'http://127.0.0.1:54322/callback' }],
    ['to another client', { client_id: 'latchkey-swagger' }],
  ])('when the code is exchanged %s', async (_what, wrong) => {
    const { url, verifier } = await begin()
    const callback = await signIn({ authorizationUrl: url, ...alice })
    const form = {
      grant_type: 'authorization_code',
      client_id: cliClientId,
      code: callback.searchParams.get('code') ?? '',
      code_verifier: verifier,
      redirect_uri: callbackUrl,
      ...wrong,
    }

    const answer = await fetch(world.endpoint('token'), { method: 'POST', body: new URLSearchParams(form) })

    expect(answer.status).toBe(400)
    expect(await answer.json()).not.toHaveProperty('access_token')
  })
})

test('another client cannot end the login of the command line', async () => {
  const { tokens } = await logInCommandLine()

  await oidc.tokenRevocation(world.service, tokens.refresh_token ?? '')

  const renewed = await oidc.refreshTokenGrant(commandLine, tokens.refresh_token ?? '')
  expect(renewed.access_token).toBeTruthy()
})

/** A login that the command line has begun. */
async function begin(parameters: Record<string, string> = {}) {
  const verifier = oidc.randomPKCECodeVerifier()
  const url = oidc.buildAuthorizationUrl(commandLine, {
    redirect_uri: callbackUrl,
    scope: 'openid',
    code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    ...parameters,
  })
  for (const [name, value] of Object.entries(parameters)) if (value === '') url.searchParams.delete(name)
  const finish = (callback: URL) =>
    oidc.authorizationCodeGrant(commandLine, callback, { pkceCodeVerifier: verifier, idTokenExpected: true })
  return { url, verifier, finish }
}

async function logInCommandLine(browser: Browser = createBrowser()) {
  const login = await begin()
  const callback = await signIn({ authorizationUrl: login.url, ...alice, browser })
  return { browser, tokens: await login.finish(callback) }
}

async function expectRefusal(ask: () => Promise<unknown>) {
  await expect(ask()).rejects.toMatchObject({ error: 'invalid_grant' })
}

const isCallback = ({ pathname, port }: URL) => pathname === '/callback' && port === '54321'
