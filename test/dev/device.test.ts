import { decodeJwt } from 'jose'
import * as oidc from 'openid-client'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { decidePace } from '../../src/dev/device.js'
import { type Browser, createBrowser, type Page, submitForm } from '../support/browser-flow.js'
import { expectNothingInternal, expectPolicyFits } from './expectations.js'
import { aWorld, cliClientId, isAskedForPassword, logIn, swaggerClientId, type World } from './world.js'

afterEach(() => {
  vi.useRealTimers()
})

const wait = 'urn:ietf:params:oauth:grant-type:device_code'
const alice = { username: 'alice', password: 'alice-pw' }

test('a device is told its code, where to enter it, until when, and how often to ask', async () => {
  const world = await aWorld()

  const answer = await post(world, 'auth/device', { client_id: cliClientId, scope: 'openid' })

  expect(answer.status).toBe(200)
  expect(answer.json).toEqual({
    device_code: expect.stringMatching(/^[\w-]{40,}$/),
    user_code: expect.stringMatching(/^[B-Z]{4}-[B-Z]{4}$/),
    verification_uri: `${world.issuer}/device`,
    verification_uri_complete: `${world.issuer}/device?user_code=${answer.json.user_code}`,
    expires_in: 600,
    interval: 5,
  })
})

test('whoever types the code, says yes and signs in lets the device in as themselves', async () => {
  const world = await aWorld()
  const device = await begin(world)
  const browser = createBrowser()

  const confirm = await enter(browser, world, device.user_code)
  const signIn = await submitForm(browser, confirm, {})
  const done = await submitForm(browser, asPage(signIn), alice)
  const { status, json } = await poll(world, device.device_code)

  expect(confirm.body).toContain(device.user_code)
  expect(confirm.body).toContain(`<strong>${cliClientId}</strong>`)
  expect(asPage(signIn).body).toContain('id="kc-form-login"')
  expect(asPage(done).body).toContain('Signed in')
  expect(status).toBe(200)
  expect(decodeJwt(json.access_token)).toMatchObject({
    typ: 'Bearer',
    azp: cliClientId,
    preferred_username: 'alice',
    aud: 'latchkey',
  })
  expect(json.refresh_token).toBeTruthy()
  for (const page of [confirm, asPage(signIn), asPage(done)]) {
    expectPolicyFits(page)
    expect(page.body).not.toContain(device.device_code)
    expect(page.body).not.toContain('<script')
  }
})

test('whoever is signed in is asked whether the code is theirs, and for no password', async () => {
  const world = await aWorld()
  const { browser } = await logIn(world, { username: 'bob', password: 'bob-pw' })
  const device = await begin(world)

  const confirm = await enter(browser, world, device.user_code)
  const waiting = await poll(world, device.device_code)
  const done = await submitForm(browser, confirm, {})

  expect(waiting.json.error).toBe('authorization_pending')
  expect(asPage(done).body).toContain('Signed in')
  const { json } = await poll(world, device.device_code)
  expect(decodeJwt(json.access_token).preferred_username).toBe('bob')
})

test('a code is taken in small letters and without its hyphen', async () => {
  const world = await aWorld()
  const { user_code } = await begin(world)

  const confirm = await enter(createBrowser(), world, user_code.toLowerCase().replace('-', ' '))

  expect(confirm.status).toBe(200)
  expect(confirm.body).toContain(user_code)
})

test('the link that holds the code still asks whether it is theirs', async () => {
  const world = await aWorld()
  const { browser } = await logIn(world)
  const device = await begin(world)

  const sending = asPage(await browser.visit(device.verification_uri_complete))
  const confirm = asPage(await submitForm(browser, sending, {}))

  expectPolicyFits(sending)
  expect(confirm.body).toContain('Is this your code?')
  expect((await poll(world, device.device_code)).json.error).toBe('authorization_pending')
})

test('openid-client logs a device in, with a code verifier as Keycloak demands it', async () => {
  const world = await aWorld()
  const config = await oidc.discovery(new URL(world.issuer), cliClientId, undefined, oidc.None(), {
    execute: [oidc.allowInsecureRequests],
  })
  const verifier = oidc.randomPKCECodeVerifier()
  const { browser } = await logIn(world)

  const device = await oidc.initiateDeviceAuthorization(config, {
    scope: 'openid',
    code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  })
  const confirm = await enter(browser, world, device.user_code)
  await submitForm(browser, confirm, {})
  const tokens = await oidc.pollDeviceAuthorizationGrant(
    config,
    { ...device, interval: 0 },
    { code_verifier: verifier },
  )

  expect(tokens.claims()?.preferred_username).toBe('alice')
})

describe('a code that', () => {
  test('nobody was given is refused, and its form says so', async () => {
    const world = await aWorld()

    const page = await enter(createBrowser(), world, 'BBBB-BBBB')

    expect(page.status).toBe(400)
    expect(page.body).toContain('This code is not known.')
    expect(page.body).toContain('aria-describedby="input-error"')
    expectPolicyFits(page)
    expectNothingInternal(page.body)
  })

  test.each([
    ['nothing', ''],
    ['a space', ' '],
    ['a script', '<script>alert(1)</script>'],
    ['a sign', '%'],
    ['too long', 'B'.repeat(5000)],
  ])('is %s is refused, and not shown again', async (_what, code) => {
    const world = await aWorld()

    const page = await enter(createBrowser(), world, code)

    expect(page.status).toBe(400)
    expect(page.body).not.toContain('<script>')
    expect(page.body).not.toContain('BBBBB')
    expectNothingInternal(page.body)
  })

  test('has expired is refused, and the device is told that it has', async () => {
    const world = await aWorld()
    const device = await begin(world)
    const browser = createBrowser()
    passSeconds(601)

    const page = await enter(browser, world, device.user_code)

    expect(page.status).toBe(400)
    expect(page.body).toContain('This code has expired.')
    expect(await poll(world, device.device_code)).toMatchObject({
      status: 400,
      json: { error: 'expired_token' },
    })
  })

  test('expired between the question and the answer lets nobody in', async () => {
    const world = await aWorld()
    const { browser } = await logIn(world)
    const device = await begin(world)
    const confirm = await enter(browser, world, device.user_code)
    passSeconds(601)

    const page = asPage(await submitForm(browser, confirm, {}))

    expect(page.body).toContain('This code has expired.')
    expect((await poll(world, device.device_code)).json.error).toBe('expired_token')
  })

  test('was said no to lets nobody in, and the device is told so', async () => {
    const world = await aWorld()
    const { browser } = await logIn(world)
    const device = await begin(world)
    const confirm = await enter(browser, world, device.user_code)

    const page = asPage(await submitForm(browser, confirm, { abort: 'yes' }))
    const answer = await poll(world, device.device_code)

    expect(page.body).toContain('Nothing was allowed')
    expect(answer).toMatchObject({ status: 400, json: { error: 'access_denied' } })
    expect(JSON.stringify(answer.json)).not.toContain('token"')
  })

  test('was used already cannot be used by somebody else', async () => {
    const world = await aWorld()
    const { browser } = await logIn(world)
    const device = await begin(world)
    await submitForm(browser, await enter(browser, world, device.user_code), {})

    const page = await enter(createBrowser(), world, device.user_code)

    expect(page.status).toBe(400)
    expect(page.body).toContain('This code was used already.')
  })

  test('somebody is just saying yes to cannot be used by somebody else', async () => {
    const world = await aWorld()
    const device = await begin(world)
    const [mine, other] = [createBrowser(), createBrowser()]
    const asked = await enter(mine, world, device.user_code)
    const askedToo = await enter(other, world, device.user_code)
    await submitForm(mine, asked, {})

    const page = asPage(await submitForm(other, askedToo, {}))

    expect(page.body).toContain('This code was used already.')
    expect((await poll(world, device.device_code)).json.error).toBe('authorization_pending')
  })
})

describe('a form of another site', () => {
  test('cannot say yes for whoever is signed in', async () => {
    const world = await aWorld()
    const { browser } = await logIn(world)
    const device = await begin(world)
    await enter(browser, world, device.user_code)

    const answers = await Promise.all(
      [{}, { xsrf: '' }, { xsrf: 'guessed' }].map((form) =>
        browser.request(`${world.issuer}/device`, {
          method: 'POST',
          headers: { origin: 'https://evil.example' },
          body: new URLSearchParams({ user_code: device.user_code, confirm: 'yes', ...form }),
        }),
      ),
    )

    expect(answers.map(({ status }) => status)).toEqual([400, 400, 400])
    for (const { body } of answers) expectNothingInternal(body)
    expect((await poll(world, device.device_code)).json.error).toBe('authorization_pending')
  })

  test('with what another visitor was given cannot either', async () => {
    const world = await aWorld()
    const { browser } = await logIn(world)
    const device = await begin(world)
    const [, ofOther = ''] = /name="xsrf" value="(\w+)"/.exec((await form(createBrowser(), world)).body) ?? []
    await enter(browser, world, device.user_code)

    const { status } = await browser.request(`${world.issuer}/device`, {
      method: 'POST',
      body: new URLSearchParams({ user_code: device.user_code, confirm: 'yes', xsrf: ofOther }),
    })

    expect(ofOther).not.toBe('')
    expect(status).toBe(400)
    expect((await poll(world, device.device_code)).json.error).toBe('authorization_pending')
  })

  test('that comes without a session, or after its end, begins nothing', async () => {
    const world = await aWorld()
    const device = await begin(world)
    const body = new URLSearchParams({ user_code: device.user_code, confirm: 'yes', xsrf: 'guessed' })
    const stale = { cookie: '_session=gone; _session.legacy=gone' }

    const answers = await Promise.all([
      createBrowser().request(`${world.issuer}/device`, { method: 'POST', body }),
      createBrowser().request(`${world.issuer}/device`, { method: 'POST', body, headers: stale }),
      createBrowser().request(`${world.issuer}/device/unknown`),
      createBrowser().request(`${world.issuer}/device/unknown`, { headers: stale }),
    ])

    for (const page of answers) {
      expect(page.status).toBe(400)
      expect(page.body).toContain('This page is out of date')
      expect(page.body).toContain(`href="${new URL(world.issuer).pathname}/device"`)
      expectPolicyFits(page)
    }
    expect((await poll(world, device.device_code)).json.error).toBe('authorization_pending')
  })

  test('leads nowhere else: no page of the flow redirects to what a request names', async () => {
    const world = await aWorld()
    const { browser } = await logIn(world)
    const device = await begin(world, { redirect_uri: 'https://evil.example/', return_to: '//evil.example' })
    const query = '?redirect_uri=https://evil.example/&post_logout_redirect_uri=https://evil.example/'

    const first = asPage(await browser.visit(`${world.issuer}/device${query}`))
    const confirm = asPage(await submitForm(browser, first, { user_code: device.user_code }))
    const done = asPage(await submitForm(browser, confirm, { redirect_uri: 'https://evil.example/' }))

    expect(done.body).toContain('Signed in')
    for (const { body, headers } of [first, confirm, done]) {
      expect(body + JSON.stringify([...headers])).not.toContain('evil')
    }
  })
})

describe('a device code', () => {
  test('that was used is refused, and what it gave is ended', async () => {
    const world = await aWorld()
    const { device } = await letIn(world)
    const { json } = await poll(world, device.device_code)

    const again = await poll(world, device.device_code)

    expect(again).toMatchObject({ status: 400, json: { error: 'invalid_grant' } })
    expect((await refresh(world, json.refresh_token)).json.error).toBe('invalid_grant')
  })

  test('asked for twice at once gives tokens that work at most once', async () => {
    const world = await aWorld()
    const { device } = await letIn(world)

    const answers = await Promise.all([1, 2, 3].map(() => poll(world, device.device_code)))
    const given = answers.filter(({ status }) => status === 200)
    const renewed = await Promise.all(given.map(({ json }) => refresh(world, json.refresh_token)))

    expect(given.length).toBeLessThanOrEqual(1)
    expect(renewed.filter(({ status }) => status === 200)).toEqual([])
  })

  test('of another client is refused', async () => {
    const world = await aWorld()
    const { device } = await letIn(world)

    const answers = await Promise.all([
      poll(world, device.device_code, swaggerClientId),
      poll(world, device.device_code, 'unknown'),
      post(world, 'token', { grant_type: wait, device_code: device.device_code }),
    ])

    expect(answers.map(({ json }) => json.error)).toEqual([
      'invalid_request',
      'invalid_client',
      expect.stringMatching(/invalid_(client|request)/),
    ])
    expect((await poll(world, device.device_code)).status).toBe(200)
  })

  test('that nobody was given is refused', async () => {
    const world = await aWorld()

    const answer = await poll(world, 'x'.repeat(43))

    expect(answer).toMatchObject({ status: 400, json: { error: 'invalid_grant' } })
  })

  test('is given to the command line alone', async () => {
    const world = await aWorld()

    const [swagger, unknown] = await Promise.all([
      post(world, 'auth/device', { client_id: swaggerClientId, scope: 'openid' }),
      post(world, 'auth/device', { client_id: 'unknown', scope: 'openid' }),
    ])

    expect(swagger).toMatchObject({ status: 400, json: { error: 'invalid_request' } })
    expect(unknown.json.error).toBe('invalid_client')
  })

  test('of a person who was disabled meanwhile gives nothing', async () => {
    const world = await aWorld()
    const { device } = await letIn(world)
    for (const account of world.accounts) account.enabled = false

    const { json } = await poll(world, device.device_code)

    expect(json.error).toBe('invalid_grant')
    expect(json).not.toHaveProperty('access_token')
  })
})

describe('a device that asks', () => {
  test('too soon is told to ask less often, and goes on waiting', async () => {
    const world = await aWorld()
    const { device, browser } = await logInAnd(world)

    const first = await poll(world, device.device_code)
    const tooSoon = await poll(world, device.device_code)
    await submitForm(browser, await enter(browser, world, device.user_code), {})

    expect(first).toMatchObject({ status: 400, json: { error: 'authorization_pending' } })
    expect(tooSoon).toMatchObject({ status: 400, json: { error: 'slow_down' } })
    expect((await poll(world, device.device_code)).status).toBe(200)
  })

  test('as told is never told to ask less often', async () => {
    const world = await aWorld()
    const { device } = await logInAnd(world)

    const errors: unknown[] = []
    for (let asked = 0; asked < 4; asked += 1) {
      errors.push((await poll(world, device.device_code)).json.error)
      passSeconds(5)
    }

    expect(errors).toEqual(Array(4).fill('authorization_pending'))
  })

  test('too soon must wait five seconds longer from then on', () => {
    const first = decidePace(undefined, 0)
    const second = decidePace(first.polling, 1000)
    const third = decidePace(second.polling, 1000 + 5000)
    const fourth = decidePace(third.polling, 6000 + 15_000)

    expect([first, second, third, fourth].map(({ isTooSoon }) => isTooSoon)).toEqual([
      false,
      true,
      true,
      false,
    ])
  })

  test('does not slow another one down', async () => {
    const world = await aWorld()
    const [one, other] = [await begin(world), await begin(world)]

    await poll(world, one.device_code)
    const { json } = await poll(world, other.device_code)

    expect(json.error).toBe('authorization_pending')
  })
})

test('codes are tried as often as passwords, and then no more', async () => {
  let left = 2
  const world = await aWorld({
    signInRate: () => {
      left -= 1
      return { allowed: left >= 0, retryAfterSeconds: 42 }
    },
  })
  const browser = createBrowser()
  const device = await begin(world)

  const [one, two] = [await enter(browser, world, 'BBBB-BBBB'), await enter(browser, world, 'CCCC-CCCC')]
  const refused = await enter(browser, world, device.user_code)

  expect([one.status, two.status, refused.status]).toEqual([400, 400, 429])
  expect(refused.headers.get('retry-after')).toBe('42')
  expect(refused.body).not.toContain(device.user_code)
  expectPolicyFits(refused)
})

test('signing in on the way to a device leaves the browser signed in', async () => {
  const world = await aWorld()
  const device = await begin(world)
  const browser = createBrowser()
  const signIn = await submitForm(browser, await enter(browser, world, device.user_code), {})

  const wrong = asPage(await submitForm(browser, asPage(signIn), { username: 'alice', password: 'wrong' }))
  const done = asPage(await submitForm(browser, wrong, alice))

  expect(wrong.status).toBe(401)
  expect(done.body).toContain('Signed in')
  expect(await isAskedForPassword(world, browser)).toBe(false)
})

interface Device {
  device_code: string
  user_code: string
  verification_uri_complete: string
}

/** A form to an endpoint, as programs send it. */
async function post({ issuer }: World, endpoint: string, form: Record<string, string>) {
  const body = new URLSearchParams(form)
  const answer = await fetch(`${issuer}/protocol/openid-connect/${endpoint}`, { method: 'POST', body })
  // biome-ignore lint/suspicious/noExplicitAny: a test reads what it expects and fails where it is not there.
  return { status: answer.status, json: (await answer.json()) as any }
}

async function begin(world: World, more: Record<string, string> = {}): Promise<Device> {
  return (await post(world, 'auth/device', { client_id: cliClientId, scope: 'openid', ...more })).json
}

const poll = (world: World, device_code: string, client_id = cliClientId) =>
  post(world, 'token', { grant_type: wait, client_id, device_code })

const refresh = (world: World, refresh_token: string) =>
  post(world, 'token', { grant_type: 'refresh_token', client_id: cliClientId, refresh_token })

const form = async (browser: Browser, { issuer }: World) => asPage(await browser.visit(`${issuer}/device`))

/** Types the code into the form. */
async function enter(browser: Browser, world: World, user_code: string): Promise<Page> {
  return asPage(await submitForm(browser, await form(browser, world), { user_code }))
}

/** A device, and the browser of alice, who is signed in. */
async function logInAnd(world: World) {
  const { browser } = await logIn(world)
  return { browser, device: await begin(world) }
}

/** A device that alice has let in, and that has not asked yet. */
async function letIn(world: World) {
  const { browser, device } = await logInAnd(world)
  await submitForm(browser, await enter(browser, world, device.user_code), {})
  return { browser, device }
}

function asPage(shown: Page | URL): Page {
  if (shown instanceof URL) throw new Error(`expected a page, not ${shown.href}`)
  return shown
}

/** Moves the clock of the provider, which is the system's. */
function passSeconds(seconds: number) {
  const now = Date.now()
  vi.useFakeTimers({ toFake: ['Date'] })
  vi.setSystemTime(now + seconds * 1000)
}
