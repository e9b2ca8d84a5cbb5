import { expect, test } from 'vitest'
import { createBrowser, signIn, submitForm } from '../support/browser-flow.js'
import { expectNothingInternal, expectPolicyFits, expectRefused } from './expectations.js'
import { aWorld, beginLogin, isAskedForPassword, logIn, swaggerClientId } from './world.js'

const alice = { username: 'alice', password: 'alice-pw' }

test('the login page names its accounts and works with labels, on a phone, and without scripts', async () => {
  const world = await aWorld()
  const { authorizationUrl } = await beginLogin(world)

  const page = await createBrowser().visit(authorizationUrl)

  if (page instanceof URL) throw new Error('expected the login page')
  expect(page.status).toBe(200)
  expect(page.body).toContain('name="viewport"')
  expect(page.body).toMatch(/<label for="username">[\s\S]*id="username"/)
  expect(page.body).toMatch(/<label for="password">[\s\S]*id="password"/)
  expect(page.body).toContain('id="kc-login"')
  expect(page.body).toContain('Development sign-in')
  for (const shown of ['alice', 'alice-pw', 'bob', 'bob-pw']) {
    expect(page.body).toContain(`<code>${shown}</code>`)
  }
  expect(page.body).not.toContain('<script')
  expectPolicyFits(page)
})

test('the login page may send people back to the client and nowhere else', async () => {
  const world = await aWorld()
  const { authorizationUrl } = await beginLogin(world)

  const page = await createBrowser().visit(authorizationUrl)

  const policy = page instanceof URL ? '' : page.headers.get('content-security-policy')
  expect(policy).toContain(`form-action 'self' ${world.publicUrl};`)
})

test('signing in brings a code and the state back to the client', async () => {
  const world = await aWorld()
  const { authorizationUrl } = await beginLogin(world, { state: 'a-state' })

  const callback = await signIn({ authorizationUrl, ...alice })

  expect(callback.href.startsWith(`${world.publicUrl}/auth/callback?code=`)).toBe(true)
  expect(callback.searchParams.get('state')).toBe('a-state')
  expect(callback.searchParams.get('iss')).toBe(world.issuer)
})

test('whoever is signed in is not asked again', async () => {
  const world = await aWorld()

  const { browser } = await logIn(world)

  expect(await isAskedForPassword(world, browser)).toBe(false)
})

test('prompt=login asks again, and another person may take over', async () => {
  const world = await aWorld()
  const { browser } = await logIn(world)
  const { authorizationUrl } = await beginLogin(world, { prompt: 'login' })
  const form = await browser.visit(authorizationUrl)
  if (form instanceof URL) throw new Error('expected the login page')

  const signOut = await submitForm(browser, form, { username: 'bob', password: 'bob-pw' })
  if (signOut instanceof URL) throw new Error('expected the form that ends the session of alice')
  expectPolicyFits(signOut)
  const callback = await submitForm(browser, signOut, {}, ({ pathname }) => pathname === '/auth/callback')

  expect(callback).toBeInstanceOf(URL)
  const { tokens } = await logIn(world, { browser, username: 'nobody', password: 'not asked for' })
  expect(tokens.claims()?.preferred_username).toBe('bob')
})

test('prompt=consent is granted without a page and ends', async () => {
  const world = await aWorld()

  const { tokens } = await logIn(world, {
    parameters: { prompt: 'consent', scope: 'openid offline_access' },
  })

  expect(tokens.refresh_token).toBeDefined()
})

test('prompt=none without a session is refused to the client', async () => {
  const world = await aWorld()
  const { authorizationUrl } = await beginLogin(world, { prompt: 'none' })

  const callback = await signIn({ authorizationUrl, ...alice })

  expect(callback.searchParams.get('error')).toBe('login_required')
  expect(callback.searchParams.has('code')).toBe(false)
})

test('a wrong password is refused and gives no code', async () => {
  const world = await aWorld()
  const { authorizationUrl } = await beginLogin(world)
  const browser = createBrowser()

  const page = await expectRefused(
    signIn({ authorizationUrl, username: 'alice', password: 'my-other-password', browser }),
  )

  expect(page.status).toBe(401)
  expect(page.headers.get('location')).toBeNull()
  expect(page.body).toContain('Invalid username or password.')
  expect(page.body).toContain('aria-describedby="input-error"')
  expect(page.body).not.toContain('my-other-password')
  expectPolicyFits(page)
  expect(await isAskedForPassword(world, browser)).toBe(true)
})

test('an unknown user, a wrong password and a disabled account read the same', async () => {
  const world = await aWorld()
  for (const account of world.accounts) account.enabled = account.username !== 'bob'
  const refuse = async (username: string, password: string) => {
    const { authorizationUrl } = await beginLogin(world)
    const { status, body } = await expectRefused(signIn({ authorizationUrl, username, password }))
    // The name that was typed and the number of the interaction are all that may differ.
    return { status, body: body.replaceAll(/value="\w+"/g, '').replaceAll(/authenticate\/[\w-]+/g, '') }
  }

  const [unknown, wrong, disabled] = await Promise.all([
    refuse('mallory', 'alice-pw'),
    refuse('alice', 'bob-pw'),
    refuse('bob', 'bob-pw'),
  ])

  expect(unknown).toEqual(wrong)
  expect(disabled).toEqual(wrong)
})

test('a person disabled while signed in is asked for a password, which is then refused', async () => {
  const world = await aWorld()
  const { browser } = await logIn(world)

  for (const account of world.accounts) account.enabled = false

  const { authorizationUrl } = await beginLogin(world)
  const page = await expectRefused(signIn({ authorizationUrl, ...alice, browser }))
  expect(page.status).toBe(401)
})

test('what was typed as a name is shown as text', async () => {
  const world = await aWorld()
  const { authorizationUrl } = await beginLogin(world)

  const page = await expectRefused(
    signIn({ authorizationUrl, username: '"><script>alert(1)</script>', password: 'x' }),
  )

  expect(page.body).not.toContain('<script')
  expect(page.body).not.toContain('"><')
})

test('a redirect URI that is not registered is refused and never redirected to', async () => {
  const world = await aWorld()
  const { port } = new URL(world.publicUrl)
  const foreign = [
    'https://evil.example/auth/callback',
    `${world.publicUrl}/auth/callback/..%2f`,
    `${world.publicUrl}/docs/static/oauth2-redirect.html`,
    `http://127.0.0.1:${Number(port) + 1}/auth/callback`,
    `http://localhost:${port}/auth/callback`,
  ]

  for (const redirect_uri of foreign) {
    const { authorizationUrl } = await beginLogin(world, { redirect_uri })
    const page = await createBrowser().request(authorizationUrl)

    expect(page.status).toBe(400)
    expect(page.headers.get('location')).toBeNull()
    expect(page.body).toContain('redirect_uri')
    expect(page.body).not.toContain('evil.example')
    expect(page.body).toContain(`href="${world.publicUrl}/auth/login"`)
    expectNothingInternal(page.body)
    expectPolicyFits(page)
  }
})

test('an unknown client is refused on a page of its own', async () => {
  const world = await aWorld()
  const { authorizationUrl } = await beginLogin(world)
  authorizationUrl.searchParams.set('client_id', '<b>mallory</b>')

  const page = await createBrowser().request(authorizationUrl)

  expect(page.status).toBe(400)
  expect(page.headers.get('location')).toBeNull()
  expect(page.body).not.toContain('<b>')
})

test('the public client is refused without PKCE, and with the plain method', async () => {
  const world = await aWorld()
  const publicClient = {
    client_id: swaggerClientId,
    redirect_uri: `${world.publicUrl}/docs/static/oauth2-redirect.html`,
  }
  const { authorizationUrl: without } = await beginLogin(world, publicClient)
  without.searchParams.delete('code_challenge')
  without.searchParams.delete('code_challenge_method')
  const { authorizationUrl: plain } = await beginLogin(world, {
    ...publicClient,
    code_challenge_method: 'plain',
  })

  for (const authorizationUrl of [without, plain]) {
    const callback = await signIn({ authorizationUrl, ...alice })

    expect(callback.searchParams.get('error')).toBe('invalid_request')
    expect(callback.searchParams.has('code')).toBe(false)
  }
})

test('tokens cannot be had from the authorization endpoint directly', async () => {
  const world = await aWorld()
  const { authorizationUrl } = await beginLogin(world, { response_type: 'id_token' })

  const callback = await signIn({ authorizationUrl, ...alice })

  expect(callback.href).toContain('error=unsupported_response_type')
  expect(callback.href).not.toContain('id_token=')
})

test('a token for another API is refused to the client', async () => {
  const world = await aWorld()
  const { authorizationUrl } = await beginLogin(world, { resource: 'https://other-api.example' })

  const callback = await signIn({ authorizationUrl, ...alice })

  expect(callback.searchParams.get('error')).toBe('invalid_target')
  expect(callback.searchParams.has('code')).toBe(false)
})

test('an unknown or finished sign-in is refused with a way to start again', async () => {
  const world = await aWorld()
  const form = `${world.issuer}/login-actions/authenticate/unknown`
  const browser = createBrowser()

  const pages = [
    await browser.request(form),
    await browser.request(form, { method: 'POST', body: new URLSearchParams(alice) }),
    await browser.request(`${world.endpoint('auth')}/unknown`),
  ]

  for (const page of pages) {
    expect(page.status).toBe(400)
    expect(page.headers.get('location')).toBeNull()
    expect(page.body).toContain(`href="${world.publicUrl}/auth/login"`)
    expectNothingInternal(page.body)
    expectPolicyFits(page)
  }
})

test('a sign-in begun in one browser cannot be finished in another', async () => {
  const world = await aWorld()
  const { authorizationUrl } = await beginLogin(world)
  const begun = await createBrowser().visit(authorizationUrl)
  if (begun instanceof URL) throw new Error('expected the login page')

  const page = await submitForm(createBrowser(), begun, alice)

  if (page instanceof URL) throw new Error('expected a refusal')
  expect(page.status).toBe(400)
  expect(page.headers.get('location')).toBeNull()
})

test('too many attempts are refused before the password is looked at', async () => {
  const attempts: string[] = []
  const world = await aWorld({
    signInRate: ({ method }) => {
      attempts.push(method)
      return { allowed: attempts.length < 2, retryAfterSeconds: 17 }
    },
  })
  const { authorizationUrl } = await beginLogin(world)
  const browser = createBrowser()
  await expectRefused(signIn({ authorizationUrl, username: 'alice', password: 'wrong', browser }))

  const page = await expectRefused(signIn({ authorizationUrl, ...alice, browser }))

  expect(page.status).toBe(429)
  expect(page.headers.get('retry-after')).toBe('17')
  expect(page.body).not.toContain('Invalid username')
  expectPolicyFits(page)
  // Looking at the form is no attempt.
  expect(attempts).toEqual(['POST', 'POST'])
})

test('a login form without its fields is refused like a wrong password', async () => {
  const world = await aWorld()
  const { authorizationUrl } = await beginLogin(world)
  const browser = createBrowser()
  const form = await browser.visit(authorizationUrl)
  if (form instanceof URL) throw new Error('expected the login page')

  const page = await browser.request(form.url, { method: 'POST' })

  expect(page.status).toBe(401)
  expect(page.body).toContain('Invalid username or password.')
})

test('a login form that is too big or of another kind is refused without a stack', async () => {
  const world = await aWorld()
  const form = `${world.issuer}/login-actions/authenticate/unknown`
  const browser = createBrowser()

  const tooBig = await browser.request(form, {
    method: 'POST',
    body: new URLSearchParams({ username: 'a'.repeat(20_000) }),
  })
  const json = await browser.request(form, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(alice),
  })
  const nothing = await browser.request(form, { method: 'POST' })

  expect([tooBig.status, json.status, nothing.status]).toEqual([413, 415, 400])
  for (const { body } of [tooBig, json, nothing]) expectNothingInternal(body)
})
