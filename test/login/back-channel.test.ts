import { generateKeyPair, SignJWT } from 'jose'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type FakeIssuer, startFakeIssuer } from '../support/fake-issuer.js'
import { type Answer, startService, type TestService } from '../support/service.js'
import { ask, logInAt, whoIs } from './visit.js'

let issuer: FakeIssuer
let service: TestService
beforeAll(async () => {
  issuer = await startFakeIssuer()
  service = await startService(issuer.env)
})
afterAll(async () => {
  await service.close()
  await issuer.close()
})

const now = () => Math.floor(Date.now() / 1000)
const event = { 'http://schemas.openid.net/event/backchannel-logout': {} }
const claims = (wishes: Record<string, unknown>) => ({
  iss: issuer.url,
  aud: 'latchkey',
  iat: now(),
  exp: now() + 120,
  jti: `jti-${Math.random()}`,
  events: event,
  ...wishes,
})
const send = (token: string): Promise<Answer> =>
  ask(service, {
    method: 'POST',
    url: '/auth/backchannel-logout',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    payload: new URLSearchParams({ logout_token: token }).toString(),
  })
const logIn = (sid: string, sub = 'carol-id') =>
  logInAt(issuer, service, { idToken: { sid, sub }, accessToken: { sub } }).then(({ session }) => session)

test('the identity provider ends the sessions that began with one of its own, and no other', async () => {
  const [ended, other] = [await logIn('one'), await logIn('two')]

  const answer = await send(await issuer.sign(claims({ sid: 'one', sub: 'carol-id' })))

  expect([answer.status, answer.body]).toEqual([200, ''])
  expect(answer.headers['cache-control']).toBe('no-store')
  expect(await whoIs(service, ended)).toBeUndefined()
  expect(await whoIs(service, other)).toBeDefined()
})

test('without a session of its own it ends all those of the person', async () => {
  const [one, two, foreign] = [await logIn('three'), await logIn('four'), await logIn('five', 'dave-id')]

  await send(await issuer.sign(claims({ sub: 'carol-id' })))

  expect(await whoIs(service, one)).toBeUndefined()
  expect(await whoIs(service, two)).toBeUndefined()
  expect(await whoIs(service, foreign)).toBeDefined()
})

test.each<[string, Record<string, unknown>]>([
  ['of another issuer', { iss: 'https://elsewhere.example.org' }],
  ['for another client', { aud: 'another' }],
  ['that is an ID token', { events: undefined, nonce: 'n' }],
  ['with a nonce, as only ID tokens have', { nonce: 'n' }],
  ['of another event', { events: { 'http://schemas.openid.net/event/other': {} } }],
  ['whose events are no object', { events: 'http://schemas.openid.net/event/backchannel-logout' }],
  ['that has ended', { iat: now() - 400, exp: now() - 100 }],
  ['that is old', { iat: now() - 4000 }],
  ['that is an access token by its claims', { typ: 'Bearer' }],
  ['about nobody with a name', { sid: '', sub: '' }],
  ['about a name too long for a person', { sid: undefined, sub: 's'.repeat(256) }],
  ['about a server user', { sid: undefined, sub: 'server:Zk3vQ9aB' }],
  ['about a server user in a session', { sub: 'server:Zk3vQ9aB' }],
  ['about a name that no database keeps', { sid: undefined, sub: 'carol-id\0' }],
  ['issued at no number', { iat: 'now' }],
  ['that never ends', { exp: Number.POSITIVE_INFINITY }],
  ['issued at the end of time', { iat: Number.POSITIVE_INFINITY }],
  ['that never begins', { nbf: Number.POSITIVE_INFINITY }],
  ['without an id', { jti: undefined }],
  ['about nobody', { sid: undefined, sub: undefined }],
])('a logout token %s is refused and ends nothing', async (_what, wishes) => {
  const session = await logIn('kept')

  const answer = await send(await issuer.sign(claims({ sid: 'kept', sub: 'carol-id', ...wishes })))

  expect([answer.status, answer.json.code]).toEqual([400, 'invalid_request'])
  expect(await whoIs(service, session)).toBeDefined()
})

test.each(['id_token+jwt', 'at+jwt', 'dpop+jwt', 'link+jwt', 7])(
  'a logout token whose header says %j is refused and ends nothing',
  async (typ) => {
    const session = await logIn('typed')

    const answer = await send(await issuer.sign(claims({ sid: 'typed' }), { typ }))

    expect([answer.status, answer.json.code]).toEqual([400, 'invalid_request'])
    expect(await whoIs(service, session)).toBeDefined()
  },
)

test.each(['logout+jwt', 'application/logout+jwt', 'JWT', undefined])(
  'a logout token whose header says %j ends the session, also with the type of Keycloak in its claims',
  async (typ) => {
    const session = await logIn('typed')

    await send(await issuer.sign(claims({ sid: 'typed', typ: 'Logout' }), { typ }))

    expect(await whoIs(service, session)).toBeUndefined()
  },
)

test('a forged logout token is refused and ends nothing', async () => {
  const session = await logIn('six')
  const { privateKey } = await generateKeyPair('RS256')
  const forged = await new SignJWT(claims({ sid: 'six' }))
    .setProtectedHeader({ alg: 'RS256', kid: 'one' })
    .sign(privateKey)

  for (const token of [forged, 'x', '', `${forged}.x`]) expect((await send(token)).status).toBe(400)

  expect(await whoIs(service, session)).toBeDefined()
  expect(service.log.join('')).not.toContain(forged)
})

test('while the identity provider is away nobody can tell, and nothing is ended', async () => {
  const other = await startFakeIssuer()
  const fresh = await startService(other.env)
  try {
    other.fail(true)
    const answer = await ask(fresh, {
      method: 'POST',
      url: '/auth/backchannel-logout',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      payload: new URLSearchParams({
        logout_token: await other.sign(claims({ iss: other.url, sid: 'x' })),
      }).toString(),
    })

    expect([answer.status, answer.json.code]).toEqual([503, 'unavailable'])
  } finally {
    await fresh.close()
    await other.close()
  }
})
