import { decodeJwt } from 'jose'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { createBrowser, submitForm } from '../support/browser-flow.js'
import { asPage, begin, enter, openForm, passSeconds, poll, post } from './devices.js'
import { expectNothingInternal, expectPolicyFits } from './expectations.js'
import { aWorld, cliClientId, isAskedForPassword, logIn } from './world.js'

afterEach(() => {
  vi.useRealTimers()
})

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
    const [, ofOther = ''] =
      /name="xsrf" value="(\w+)"/.exec((await openForm(createBrowser(), world)).body) ?? []
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
