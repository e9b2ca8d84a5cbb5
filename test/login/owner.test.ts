import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { type FakeIssuer, startFakeIssuer } from '../support/fake-issuer.js'
import { startService, type TestService } from '../support/service.js'
import { logInAt, whoIs } from './visit.js'

let issuer: FakeIssuer
let service: TestService
beforeAll(async () => {
  issuer = await startFakeIssuer()
  service = await startService({ ...issuer.env, REFUSED_RATE_PER_MINUTE: '3' })
})
afterAll(async () => {
  await service.close()
  await issuer.close()
})
beforeEach(async () => {
  await service.db.prisma.session.deleteMany()
  await service.db.prisma.owner.deleteMany()
})

const findOwner = () => service.db.prisma.owner.findUniqueOrThrow({ where: { subject: 'carol-id' } })
const now = () => Math.floor(Date.now() / 1000)
const roles = (...names: string[]) => ({ realm_access: { roles: names } })

test('a login remembers who the person is', async () => {
  const { session } = await logInAt(issuer, service)

  expect(await findOwner()).toMatchObject({
    kind: 'user',
    login: 'carol',
    name: 'Carol',
    email: 'carol@example.test',
    enabled: true,
  })
  expect(await whoIs(service, session)).toEqual({
    subject: 'carol-id',
    login: 'carol',
    name: 'Carol',
    email: 'carol@example.test',
    kind: 'user',
    via: 'session',
    roles: [],
    scopes: [],
    attributes: {},
  })
})

test('the rights at a login are those of the access token, where Keycloak tells them', async () => {
  const { session } = await logInAt(issuer, service, {
    idToken: roles('only-in-the-id-token'),
    accessToken: {
      ...roles('rspy-user', 'role with spaces'),
      resource_access: { latchkey: { roles: ['catalog_read'] } },
      groups: ['/ops'],
    },
  })

  expect((await whoIs(service, session))?.roles).toEqual([
    'group:/ops',
    'latchkey:catalog_read',
    'role with spaces',
    'rspy-user',
  ])
})

test('where the access token is not for this service the rights are those of the ID token', async () => {
  const { session } = await logInAt(issuer, service, {
    idToken: roles('in-the-id-token'),
    accessToken: { aud: 'another', azp: 'another', ...roles('elsewhere') },
  })

  expect((await whoIs(service, session))?.roles).toEqual(['in-the-id-token'])
})

test('a bad script behind the same address costs nobody their rights at a login', async () => {
  const refusals = []
  for (let count = 0; count < 5; count += 1) {
    const token = await issuer.sign({
      iss: issuer.url,
      exp: now() + 60,
      sub: 'somebody',
      typ: 'Bearer',
      aud: 'another',
      azp: 'another',
      jti: count,
    })
    const answer = await service.inject({ url: '/me', headers: { authorization: `Bearer ${token}` } })
    refusals.push(answer.status)
  }

  const { session } = await logInAt(issuer, service, { accessToken: roles('rspy-user') })

  expect(refusals).toContain(429)
  expect((await whoIs(service, session))?.roles).toEqual(['rspy-user'])
})

test('a later login takes over what changed', async () => {
  await logInAt(issuer, service, { accessToken: roles('was') })

  const { session } = await logInAt(issuer, service, {
    idToken: { preferred_username: 'carol-anne', email: undefined },
    accessToken: roles('is'),
  })

  const me = await whoIs(service, session)
  expect(me).toMatchObject({ login: 'carol-anne', email: null, roles: ['is'] })
})

test('a login whose token is older than what is known overwrites nothing', async () => {
  await logInAt(issuer, service, {
    idToken: { iat: now() + 5, preferred_username: 'newer' },
    accessToken: roles('newer'),
  })

  const { session } = await logInAt(issuer, service, {
    idToken: { iat: now() - 5, preferred_username: 'older' },
    accessToken: roles('older'),
  })

  expect(await findOwner()).toMatchObject({ login: 'newer', rights: ['newer'] })
  expect(await whoIs(service, session)).toMatchObject({ login: 'newer', roles: ['newer'] })
})

test('two logins of one person at the same moment both succeed, and there is one owner', async () => {
  const logins = await Promise.all([1, 2, 3].map(() => logInAt(issuer, service)))

  for (const { session } of logins) expect(await whoIs(service, session)).toBeDefined()
  expect(await service.db.prisma.owner.count()).toBe(1)
})

test('a session shows the rights as they are known now, not as they were at the login', async () => {
  const { session } = await logInAt(issuer, service, { accessToken: roles('was') })

  await logInAt(issuer, service, { accessToken: roles('is') })

  expect((await whoIs(service, session))?.roles).toEqual(['is'])
})

test('a session whose owner is not known any more is nobody', async () => {
  const { session } = await logInAt(issuer, service)

  await service.db.prisma.owner.deleteMany()

  expect(await whoIs(service, session)).toBeUndefined()
})

test.each([
  ['roles of a wrong type', { realm_access: { roles: 'admin' }, groups: 'ops', resource_access: [] }],
  ['roles that are not texts', { realm_access: { roles: [1, null, { role: 'admin' }] } }],
  ['no roles', { realm_access: null, resource_access: null }],
])('a token with %s gives none', async (_name, accessToken) => {
  const { session } = await logInAt(issuer, service, { accessToken })

  expect((await whoIs(service, session))?.roles).toEqual([])
})

test('someone without a name of their own is called by their id', async () => {
  const { session } = await logInAt(issuer, service, {
    idToken: { preferred_username: undefined, name: '', email: 5 },
  })

  expect(await whoIs(service, session)).toMatchObject({ login: 'carol-id', name: null, email: null })
})

test('what OIDC_AUDIENCES accepts from others changes nothing about the rights at a login', async () => {
  const narrow = await startService({ ...issuer.env, OIDC_AUDIENCES: 'another-api' })
  try {
    const { session } = await logInAt(issuer, narrow, { accessToken: roles('rspy-user') })

    expect((await whoIs(narrow, session))?.roles).toEqual(['rspy-user'])
  } finally {
    await narrow.close()
  }
})

test.each([
  ['never ends', { exp: Number.POSITIVE_INFINITY }],
  ['was issued at the end of time', { iat: Number.POSITIVE_INFINITY }],
  ['names nobody', { sub: '' }],
  ['names someone in 256 characters', { sub: 's'.repeat(256) }],
  ['names a server user', { sub: 'server:Zk3vQ9aB' }],
  ['names the single user', { sub: 'single-user' }],
  ['holds NUL in its subject', { sub: 'a\0' }],
  ['holds half a character in its subject', { sub: '\ud800' }],
])('an ID token that %s logs nobody in', async (_fault, idToken) => {
  await expect(logInAt(issuer, service, { idToken })).rejects.toThrow('made no session')

  expect(await service.db.prisma.owner.count()).toBe(0)
})

test('an ID token from before time began logs in, with what it tells as the oldest there is', async () => {
  const { session } = await logInAt(issuer, service, { idToken: { iat: -1e300 } })

  expect(await whoIs(service, session)).toBeDefined()
  expect(await findOwner()).toMatchObject({ knownAt: new Date(0) })
})
