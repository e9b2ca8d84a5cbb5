import { setTimeout as delay } from 'node:timers/promises'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  type Account,
  ask,
  beginLogin,
  logIn,
  logInByBar,
  type NewKey,
  newName,
  waitForBar,
} from './journeys/people.js'
import { useWorld } from './journeys/world.js'
import { requireKeycloak, requireKeycloakServer, requirePostgresql } from './support/environment.js'
import { type KeycloakAddress, logInByPassword } from './support/keycloak-client.js'
import { createRealm } from './support/keycloak-realm.js'
import { type Network, startNetwork } from './support/network.js'
import { createDatabase, type Postgresql, startPostgresql } from './support/postgresql.js'
import { startService } from './support/service.js'
import { settingsFor } from './support/settings.js'

/** What one request may take when the answer is that nobody can tell. */
const PATIENCE_MS = 5_000

describe('without Keycloak', () => {
  let network: Network
  let keycloak: KeycloakAddress
  const world = useWorld('keycloak-away', async () => {
    const server = await requireKeycloakServer()
    network = await startNetwork(server)
    keycloak = await createRealm(server, network.url)
    await network.takeDown()
    const env = settingsFor(keycloak, await createDatabase(await requirePostgresql()))
    return await startService({ env, until: 'live' })
  })
  afterAll(async () => await network?.close())

  test('the service starts, and says that the issuer is missing', async () => {
    expect(await ask(`${world.url}/health/live`)).toMatchObject({ status: 200 })
    expect(await ask(`${world.url}/health/ready`)).toMatchObject({
      status: 503,
      body: { code: 'unavailable', detail: 'Missing: issuer.' },
    })
    const warnings = (await world.log()).split('\n').filter((line) => line.includes('"level":40'))
    expect(warnings).toHaveLength(1)
    expect(warnings[0]).toContain('does not answer: issuer;')
  })

  test('a login ends on a page that asks for patience, and tells nothing else', async () => {
    const visitor = await world.newVisitor({ refusals: ['/auth/login'] })

    const answer = await visitor.page.goto(`${world.url}/auth/login?return_to=/docs`)
    await world.photograph(visitor, 'login-unavailable')

    expect(answer?.status()).toBe(503)
    expect(answer?.headers()['retry-after']).toMatch(/^\d+$/)
    await expectQuietPage(visitor.page)
  })

  test('a token cannot be judged, and is neither accepted nor refused', async () => {
    const shared = await requireKeycloak()
    const { access_token } = await logInByPassword(shared, 'alice')
    const [header = '', payload = '', signature = ''] = access_token.split('.')
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString())
    const ours = Buffer.from(JSON.stringify({ ...claims, iss: keycloak.issuer }))

    const answer = await ask(`${world.url}/me`, {
      headers: { authorization: `Bearer ${header}.${ours.toString('base64url')}.${signature}` },
    })

    expect(answer).toMatchObject({ status: 503, body: { code: 'unavailable' } })
    expect(answer.headers.get('retry-after')).toMatch(/^\d+$/)
  })

  test('all is well as soon as Keycloak answers', async () => {
    await network.bringUp()

    await expect.poll(readiness, { timeout: 5_000 }).toBe(200)
    const { page } = await world.newVisitor()
    await logInByBar(page, world, 'alice')
  })

  test('one that hangs is waited for no longer than a few seconds, and nobody is logged out by it', async () => {
    const alice = await logIn(world, 'alice')
    const { access_token } = await logInByPassword(keycloak, 'alice')
    const bearer = { headers: { authorization: `Bearer ${access_token}` } }
    await ask(`${world.url}/me`, bearer)
    const visitor = await world.newVisitor({ refusals: ['/auth/callback'] })
    const { page } = visitor
    const { query } = await beginLogin(page, world)

    network.hang()
    const begun = Date.now()
    const answer = await page.goto(`${world.url}/auth/callback?code=any&${query}`)
    const tookMs = Date.now() - begun
    const [token, session] = await Promise.all([ask(`${world.url}/me`, bearer), alice.call('GET', '/me')])
    await expect.poll(readiness, { timeout: 10_000 }).toBe(503)
    network.resume()

    expect(answer?.status()).toBe(503)
    expect(tookMs).toBeLessThan(8_000)
    await expectQuietPage(page)
    expect([token.status, session.status]).toEqual([200, 200])
    await expect.poll(readiness, { timeout: 10_000 }).toBe(200)
    await logInByBar(page, world, 'alice')
  })

  test('when it is stopped, keys and issued tokens go on, and a login says that it has to wait', async () => {
    const { value } = await (await logIn(world, 'alice')).createKey()
    const [used, unused] = [await logInByPassword(keycloak, 'alice'), await logInByPassword(keycloak, 'bob')]
    const useToken = async ({ access_token }: { access_token: string }) =>
      (await ask(`${world.url}/me`, { headers: { authorization: `Bearer ${access_token}` } })).status
    await useToken(used)
    const visitor = await world.newVisitor({ refusals: ['/auth/login'] })

    await network.takeDown()
    const key = await ask(`${world.url}/catalog/collections`, { headers: { 'x-api-key': value } })
    const tokens = [await useToken(used), await useToken(unused)]
    const answer = await visitor.page.goto(`${world.url}/auth/login?return_to=/docs`)

    expect([key.status, ...tokens]).toEqual([200, 200, 200])
    expect(answer?.status()).toBe(503)
    await expectQuietPage(visitor.page)
    await expect
      .poll(() => ask(`${world.url}/health/ready`), { timeout: 10_000 })
      .toMatchObject({ body: { detail: 'Missing: issuer.' } })
  })

  async function readiness(): Promise<number> {
    return (await ask(`${world.url}/health/ready`)).status
  }
})

describe('without PostgreSQL', () => {
  let postgresql: Postgresql
  let alice: Account
  const world = useWorld('postgresql-away', async () => {
    postgresql = await startPostgresql()
    return await startService({ env: settingsFor(await requireKeycloak(), postgresql.url) })
  })
  beforeAll(async () => {
    alice = await logIn(world, 'alice')
  })
  afterAll(async () => await postgresql.stop())

  test.each([
    ['has crashed', () => postgresql.crash(), () => postgresql.restart()],
    ['hangs', () => postgresql.pause(), () => postgresql.resume()],
  ])(
    'when it %s, keys in use go on, the rest is told quickly to wait, and then all is well',
    async (_how, stop, start) => {
      const [used, unused] = [await alice.createKey(), await alice.createKey()]
      await useKey(used)
      const usedAt = Date.now()

      await stop()
      const answers = await Promise.all([
        timed(() => useKey(unused)),
        timed(() => alice.call('POST', '/api-keys', { name: newName() })),
        timed(() => alice.call('GET', '/me')),
      ])
      // What was read of a key is fresh for 5 s; after them the service asks in vain.
      await delay(usedAt + 5_100 - Date.now())
      const usedAnswer = await timed(() => useKey(used))
      await expect.poll(readiness, { timeout: 10_000 }).toBe(503)
      await start()

      expect(usedAnswer.answer.status).toBe(200)
      for (const { answer } of answers) {
        expect(answer).toMatchObject({ status: 503, body: { code: 'unavailable' } })
        expect(JSON.stringify(answer.body)).not.toMatch(/ECONN|node_modules|prisma/i)
      }
      for (const { tookMs } of [usedAnswer, ...answers]) expect(tookMs).toBeLessThan(PATIENCE_MS)
      await expect.poll(readiness, { timeout: 10_000 }).toBe(200)
      await expect.poll(async () => (await useKey(unused)).status, { timeout: 5_000 }).toBe(200)
      await expect(alice.createKey()).resolves.toBeDefined()
    },
  )

  test('the bar does not tell somebody who is logged in that they are not', async () => {
    const visitor = await world.newVisitor({ refusals: ['/auth/session'] })
    await logInByBar(visitor.page, world, 'alice')

    await postgresql.crash()
    await visitor.page.reload()
    await visitor.page.locator('#login-bar-who').waitFor()
    await world.photograph(visitor, 'docs-database-away')
    const said = await visitor.page.locator('#login-bar').innerText()
    await postgresql.restart()
    await expect.poll(readiness, { timeout: 5_000 }).toBe(200)
    await visitor.page.reload()

    expect(said).not.toContain('Not logged in')
    await waitForBar(visitor.page, 'Logged in as alice')
  })

  async function readiness(): Promise<number> {
    return (await ask(`${world.url}/health/ready`)).status
  }

  async function useKey({ value }: NewKey) {
    return await ask(`${world.url}/catalog/collections`, { headers: { 'x-api-key': value } })
  }
})

async function expectQuietPage(page: Page): Promise<void> {
  const html = await page.content()
  expect(html).toContain('The identity provider does not answer: try again soon.')
  expect(html).not.toMatch(/node_modules|\.js:\d|Error|ECONN|127\.0\.0\.1:\d+\/realms/)
}

async function timed<T>(work: () => Promise<T>): Promise<{ answer: T; tookMs: number }> {
  const begun = Date.now()
  const answer = await work()
  return { answer, tookMs: Date.now() - begun }
}
