import * as oidc from 'openid-client'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { decidePace } from '../../src/dev/device.js'
import { submitForm } from '../support/browser-flow.js'
import { begin, beginSignedIn, enter, grantType, letIn, passSeconds, poll, post, refresh } from './devices.js'
import { aWorld, cliClientId, logIn, swaggerClientId } from './world.js'

afterEach(() => {
  vi.useRealTimers()
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
      post(world, 'token', { grant_type: grantType, device_code: device.device_code }),
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

  test('is given to no script of another site', async () => {
    const world = await aWorld()
    const begin = (origin: string) =>
      fetch(`${world.issuer}/protocol/openid-connect/auth/device`, {
        method: 'POST',
        headers: { origin },
        body: new URLSearchParams({ client_id: cliClientId, scope: 'openid' }),
      })

    const [foreign, own] = [await begin('https://evil.example'), await begin(world.publicUrl)]

    expect([foreign.status, own.status]).toEqual([403, 200])
    expect(foreign.headers.get('access-control-allow-origin')).toBeNull()
    expect(await foreign.text()).not.toContain('device_code')
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
    const { device, browser } = await beginSignedIn(world)

    const first = await poll(world, device.device_code)
    const tooSoon = await poll(world, device.device_code)
    await submitForm(browser, await enter(browser, world, device.user_code), {})

    expect(first).toMatchObject({ status: 400, json: { error: 'authorization_pending' } })
    expect(tooSoon).toMatchObject({ status: 400, json: { error: 'slow_down' } })
    expect((await poll(world, device.device_code)).status).toBe(200)
  })

  test('as told is never told to ask less often', async () => {
    const world = await aWorld()
    const { device } = await beginSignedIn(world)

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
