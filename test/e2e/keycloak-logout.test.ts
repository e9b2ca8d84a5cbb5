import { once } from 'node:events'
import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import { decodeJwt, decodeProtectedHeader, generateKeyPair, type JWTHeaderParameters, SignJWT } from 'jose'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createBrowser, signIn } from '../support/browser-flow.js'
import { ask } from './journeys/people.js'
import { requireKeycloak, requirePostgresql } from './support/environment.js'
import { askAdmin, type KeycloakAddress, requireUserId } from './support/keycloak-client.js'
import { findFreePort } from './support/ports.js'
import { createDatabase } from './support/postgresql.js'
import { type Service, startService } from './support/service.js'
import { settingsFor } from './support/settings.js'

interface Login {
  /** The cookie of the service's session, kept although it may have ended. */
  cookie: string
  /** Keycloak's id of its own session. */
  sessionId: string
}

const LOGGED_OUT_WITHIN = { timeout: 10_000, interval: 100 }

describe('when Keycloak ends a session', () => {
  let keycloak: KeycloakAddress
  let service: Service
  let restoreClient: () => Promise<void>
  beforeAll(async () => {
    keycloak = await requireKeycloak()
    restoreClient = await keepClient()
    service = await startService({
      env: settingsFor(keycloak, await createDatabase(await requirePostgresql())),
    })
  })
  beforeEach(async () => await tellOfLogoutsAt(`${service.url}/auth/backchannel-logout`))
  afterAll(async () => {
    await restoreClient?.()
    await service?.stop()
  })

  test('a person logged out by the administrator is nobody in all their browsers, and others go on', async () => {
    const alice = await logIn('alice')
    const aliceElsewhere = await logIn('alice')
    const bob = await logIn('bob')
    expect(await Promise.all([alice, aliceElsewhere, bob].map(whoIs))).toEqual([
      { session: 'alice', me: 200 },
      { session: 'alice', me: 200 },
      { session: 'bob', me: 200 },
    ])

    await askAdmin(keycloak, 'POST', `/users/${await requireUserId(keycloak, 'alice')}/logout`)

    await expect.poll(() => whoIs(alice), LOGGED_OUT_WITHIN).toEqual({ session: null, me: 401 })
    await expect.poll(() => whoIs(aliceElsewhere), LOGGED_OUT_WITHIN).toEqual({ session: null, me: 401 })
    expect(await whoIs(bob)).toEqual({ session: 'bob', me: 200 })
  })

  test('a person of whom one session is ended goes on in the other browser, and can log in again', async () => {
    const ended = await logIn('alice')
    const kept = await logIn('alice')

    await askAdmin(keycloak, 'DELETE', `/sessions/${ended.sessionId}`)

    await expect.poll(() => whoIs(ended), LOGGED_OUT_WITHIN).toEqual({ session: null, me: 401 })
    expect(await whoIs(kept)).toEqual({ session: 'alice', me: 200 })
    expect(await whoIs(await logIn('alice'))).toEqual({ session: 'alice', me: 200 })
    expect(await whoIs(ended)).toEqual({ session: null, me: 401 })
  })

  test('a client that asks for no session in the logout token logs the person out everywhere', async () => {
    await tellOfLogoutsAt(`${service.url}/auth/backchannel-logout`, { withSession: false })
    const ended = await logIn('alice')
    const other = await logIn('alice')
    const bob = await logIn('bob')

    await askAdmin(keycloak, 'DELETE', `/sessions/${ended.sessionId}`)

    await expect.poll(() => whoIs(ended), LOGGED_OUT_WITHIN).toEqual({ session: null, me: 401 })
    await expect.poll(() => whoIs(other), LOGGED_OUT_WITHIN).toEqual({ session: null, me: 401 })
    expect(await whoIs(bob)).toEqual({ session: 'bob', me: 200 })
  })

  test("a logout token signed by another key ends nobody's session, where Keycloak's own does", async () => {
    const listener = await listenForLogoutToken()
    await tellOfLogoutsAt(listener.url)
    const alice = await logIn('alice')
    const bob = await logIn('bob')
    await askAdmin(keycloak, 'DELETE', `/sessions/${alice.sessionId}`)
    const genuine = await listener.token

    const refused = await postLogoutToken(await signByAnotherKey(genuine))
    const afterForgery = await Promise.all([alice, bob].map(whoIs))
    const accepted = await postLogoutToken(genuine)
    const afterGenuine = await Promise.all([alice, bob].map(whoIs))

    expect(decodeJwt(genuine).sid).toBe(alice.sessionId)
    expect(refused).toMatchObject({ status: 400, body: { code: 'invalid_request' } })
    expect(afterForgery).toEqual([
      { session: 'alice', me: 200 },
      { session: 'bob', me: 200 },
    ])
    expect(accepted.status).toBe(200)
    expect(afterGenuine).toEqual([
      { session: null, me: 401 },
      { session: 'bob', me: 200 },
    ])
  })

  /** Logs a person in with a browser of their own. */
  async function logIn(person: string): Promise<Login> {
    const browser = createBrowser()
    const { headers } = await browser.request(`${service.url}/auth/login?return_to=/health/live`)
    const callback = await signIn({
      authorizationUrl: headers.get('location') ?? '',
      username: person,
      password: `${person}-pw`,
      browser,
    })
    await browser.visit(callback)

    const cookie = browser.cookies.find(({ name }) => name === 'latchkey_session')
    const sessionId = callback.searchParams.get('session_state')
    if (cookie === undefined || sessionId === null) throw new Error(`${person} was not logged in`)
    return { cookie: `${cookie.name}=${cookie.value}`, sessionId }
  }

  async function whoIs({ cookie }: Login) {
    const [session, me] = await Promise.all([
      ask(`${service.url}/auth/session`, { headers: { cookie } }),
      ask(`${service.url}/me`, { headers: { cookie } }),
    ])
    return { session: (session.body as { login: string | null }).login, me: me.status }
  }

  async function postLogoutToken(token: string) {
    return await ask(`${service.url}/auth/backchannel-logout`, {
      method: 'POST',
      body: new URLSearchParams({ logout_token: token }),
    })
  }

  async function readClient() {
    const clients = (await askAdmin(keycloak, 'GET', '/clients?clientId=latchkey')) as [
      { id: string; attributes: Record<string, string> },
    ]
    return clients[0]
  }

  async function tellOfLogoutsAt(url: string, { withSession = true } = {}) {
    await setAttributes({
      'backchannel.logout.url': url,
      'backchannel.logout.session.required': String(withSession),
    })
  }

  async function setAttributes(changes: Record<string, string>) {
    const client = await readClient()
    const attributes = { ...client.attributes, ...changes }
    await askAdmin(keycloak, 'PUT', `/clients/${client.id}`, JSON.stringify({ ...client, attributes }))
  }

  /** @returns what gives the client the attributes back that it has now; Keycloak removes those that are empty */
  async function keepClient() {
    const { attributes } = await readClient()
    return async () => {
      await setAttributes({ 'backchannel.logout.url': '', ...attributes })
      expect((await readClient()).attributes).toEqual(attributes)
    }
  }
})

/** Stands where Keycloak takes the service to be, and keeps the first logout token from it. */
async function listenForLogoutToken(): Promise<{ url: string; token: Promise<string> }> {
  const port = await findFreePort()
  const server = createServer().listen(port, '127.0.0.1')
  await once(server, 'listening')
  const receive = async () => {
    const [request, response] = await once(server, 'request', { signal: AbortSignal.timeout(10_000) })
    const form = new URLSearchParams(await text(request))
    response.setHeader('connection', 'close').end()
    return form.get('logout_token') ?? ''
  }
  const token = receive().finally(() => server.close())
  return { url: `http://127.0.0.1:${port}`, token }
}

/** The same header and the same claims. */
async function signByAnotherKey(token: string): Promise<string> {
  const header = decodeProtectedHeader(token) as JWTHeaderParameters
  const { privateKey } = await generateKeyPair(header.alg)
  return await new SignJWT(decodeJwt(token)).setProtectedHeader(header).sign(privateKey)
}
