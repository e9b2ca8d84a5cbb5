import { decodeJwt, decodeProtectedHeader } from 'jose'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { Latchkey } from '../../src/client/index.js'
import { expectInvalid, expectProblem, requestsTo } from '../keys/requests.js'
import { asAdministrator } from '../services/administrator.js'
import { type CreatedKey, startService, type TestService } from '../support/service.js'
import { changeService, setServices } from '../support/services.js'
import { linkSecret, tokenOf } from './links.js'

// Some start a service of their own.
vi.setConfig({ testTimeout: 60_000 })

const now = '2026-11-21T12:00:00.000Z'

let service: TestService
let key: CreatedKey
const ask = requestsTo(() => service)
const link = (payload: unknown, id = key.id, person: 'alice' | 'bob' = 'alice') =>
  ask.as(person, 'POST', `/api-keys/${id}/links`, payload)

beforeAll(async () => {
  service = await startService({ ...linkSecret, MAX_KEYS_PER_USER: '1000' }, { hasGateway: true })
  await setServices(
    service,
    { id: 'tiles', target: 'http://upstream.test:8080' },
    { id: 'off', target: 'http://upstream.test:8080', enabled: false },
  )
})
beforeEach(async () => {
  service.clock.freeze(now)
  key = await service.createKey('alice')
})
afterAll(() => service.close())

describe('a new link', () => {
  test('is a URL of the gateway that lives for an hour, and nobody on the way keeps it', async () => {
    const answer = await link({ path: '/tiles/a.tif' })

    expect(answer.status).toBe(201)
    expect(answer.headers['cache-control']).toBe('no-store')
    expect(answer.json).toEqual({
      url: expect.stringMatching(new RegExp(`^${service.gatewayUrl}/k/[\\w.-]+/tiles/a\\.tif$`)),
      path: '/tiles/a.tif',
      expires_at: '2026-11-21T13:00:00.000Z',
    })
  })

  test('says which key, which path and until when, and nothing of the key itself', async () => {
    const { json } = await link({ path: '/tiles', expires_in: 86_400 })

    const token = tokenOf(json.url)
    expect(decodeProtectedHeader(token)).toEqual({ alg: 'ES256', kid: expect.any(String), typ: 'link+jwt' })
    expect(decodeJwt(token)).toEqual({
      ...{ aud: '/k', sub: key.id, gen: expect.any(Number), path: '/tiles' },
      exp: Date.parse('2026-11-22T12:00:00.000Z') / 1000,
    })
    expect(token.length).toBeLessThan(400)
  })

  test.each([
    ['an escaped letter', '/tiles/%61%7E.tif', '/tiles/a~.tif'],
    ['small letters in an escape', '/tiles/%e2%82%ac', '/tiles/%E2%82%AC'],
    ['two slashes', '/tiles//a', '/tiles//a'],
    ['a slash at the end', '/tiles/', '/tiles/'],
    ['a name that begins with dots', '/tiles/..a/.b', '/tiles/..a/.b'],
  ])('is for the path as the gateway reads it: %s', async (_what, path, normal) => {
    const { json } = await link({ path })

    expect(json.path).toBe(normal)
    expect(json.url.endsWith(normal)).toBe(true)
  })

  test('does not outlive its key, to the millisecond', async () => {
    const short = await service.createKey('alice', { expires_in: 10 })
    service.clock.advance(1)

    const { json } = await link({ path: '/tiles', expires_in: 3600 }, short.id)

    expect(json.expires_at).toBe('2026-11-21T12:00:10.000Z')
  })

  test('is made by the client too', async () => {
    const client = new Latchkey({ url: service.url, token: () => service.token() })

    const made = await client.apiKeys.createLink(key.id, { path: '/tiles', expires_in: 60 })

    expect(made).toMatchObject({ path: '/tiles', expires_at: '2026-11-21T12:01:00.000Z' })
    await expect(client.apiKeys.createLink('unknown1', { path: '/tiles' })).rejects.toMatchObject({
      code: 'not_found',
    })
  })

  test('is told in the ledger without its token', async () => {
    const { json } = await link({ path: '/tiles/a.tif', expires_in: 60 })

    const { body, json: page } = await service.inject({
      url: `/admin/audit?target=${key.id}&limit=1`,
      headers: await asAdministrator(service),
    })
    expect(page.items).toMatchObject([
      {
        action: 'key.linked',
        actor: { login: 'alice' },
        target: key.id,
        details: { path: '/tiles/a.tif', expires_at: '2026-11-21T12:01:00.000Z' },
      },
    ])
    for (const part of tokenOf(json.url).split('.')) expect(body).not.toContain(part)
  })
})

describe('no link is made', () => {
  test.each([
    ['nothing', {}, 'path'],
    ['no string', { path: 1 }, 'path'],
    ['a relative one', { path: 'tiles/a' }, 'path'],
    ['one with a query', { path: '/tiles?a=1' }, 'path'],
    ['one with a fragment', { path: '/tiles#a' }, 'path'],
    ['one with a space', { path: '/tiles/a b' }, 'path'],
    ['one that is not escaped', { path: '/tiles/ä' }, 'path'],
    ['one with a backslash', { path: '/tiles\\a' }, 'path'],
    ['a broken escape', { path: '/tiles/%4' }, 'path'],
    ['segments of dots', { path: '/tiles/../tiles' }, 'path'],
    ['escaped segments of dots', { path: '/tiles/%2E%2e/tiles' }, 'path'],
    ['a dot at the end', { path: '/tiles/.' }, 'path'],
    ['a hidden parent', { path: '/tiles/..%2Fa' }, 'path'],
    ['another hidden parent', { path: '/tiles/..;a/b' }, 'path'],
    ['no service', { path: '/nowhere' }, 'path'],
    ['the beginning of a service', { path: '/tile' }, 'path'],
    ['a service that is switched off', { path: '/off' }, 'path'],
    ['a link', { path: '/k/a/tiles' }, 'path'],
    ['the whole gateway where nothing is at its root', { path: '/' }, 'path'],
    ['one that is too long', { path: `/tiles/${'a'.repeat(2000)}` }, 'path'],
    ['no time', { path: '/tiles', expires_in: 0 }, 'expires_in'],
    ['more than a day', { path: '/tiles', expires_in: 86_401 }, 'expires_in'],
    ['half a second', { path: '/tiles', expires_in: 1.5 }, 'expires_in'],
    ['a string for a time', { path: '/tiles', expires_in: '60' }, 'expires_in'],
    ['a member that nobody knows', { path: '/tiles', method: 'POST' }, 'method'],
  ])('of %s', async (_what, payload, member) => {
    const before = await ask.countRows()

    expectInvalid(await link(payload), member)

    expect(await ask.countRows()).toEqual(before)
  })

  test('of the key of somebody else, of an unknown one, nor by nobody', async () => {
    const payload = { path: '/tiles' }

    const foreign = await link(payload, key.id, 'bob')
    const unknown = await link(payload, 'unknown1')
    const nobody = await service.inject({ method: 'POST', url: `/api-keys/${key.id}/links`, payload })

    expectProblem(foreign, 404, 'not_found')
    expectProblem(unknown, 404, 'not_found')
    expectProblem(nobody, 401, 'not_authenticated')
  })

  test('by a key, itself or another', async () => {
    const other = await service.createKey('alice')

    for (const { value } of [key, other]) {
      const answer = await ask.with(value, 'POST', `/api-keys/${key.id}/links`, { path: '/tiles' })
      expectProblem(answer, 403, 'login_required')
    }
  })

  test.each([
    ['revoked', () => ask.as('alice', 'POST', `/api-keys/${key.id}/revoke`)],
    ['disabled', () => ask.as('alice', 'PATCH', `/api-keys/${key.id}`, { enabled: false })],
    ['expired', async () => service.clock.advance(16 * 86_400_000)],
  ])('of a key that is %s', async (status, end) => {
    await end()

    const answer = await link({ path: '/tiles' })

    expectInvalid(answer, 'id')
    expect(answer.body).toContain(status)
  })

  test('of any key while keys are switched off', async () => {
    const headers = await asAdministrator(service)
    const turn = (disabled: boolean) =>
      service.inject({
        ...{ method: 'PUT', url: '/admin/providers/api-key', headers },
        payload: { name: 'api-key', type: 'api-key', disabled },
      })
    await turn(true)
    try {
      expectProblem(await link({ path: '/tiles' }), 403, 'keys_disabled')
    } finally {
      await turn(false)
    }
  })

  test('of a key that is not authorised on the service, until it is', async () => {
    const grant = (data: object) => service.db.prisma.apiKey.update({ where: { id: key.id }, data })
    await grant({ services: ['elsewhere'] })
    expectProblem(await link({ path: '/tiles' }), 403, 'not_authorized_here')

    await grant({ groups: ['test'] })

    expect((await link({ path: '/tiles' })).status).toBe(201)
  })
})

test('no link is made to a service that takes no keys of people', async () => {
  await changeService(service, 'tiles', { access: { kinds: ['server'] } })
  try {
    expectProblem(await link({ path: '/tiles' }), 403, 'not_authorized_here')
  } finally {
    await changeService(service, 'tiles', { access: { kinds: ['user', 'server'] } })
  }
})

describe('no service may have a prefix', () => {
  test.each(['/k', '/k/tiles'])('of links: %s', async (prefix) => {
    const headers = await asAdministrator(service)
    const payload = { id: 'taken', name: 'a', group: 'test', prefix, target: 'http://upstream.test' }

    const answer = await service.inject({ method: 'POST', url: '/admin/services', headers, payload })

    expectInvalid(answer, 'prefix')
    await expect(changeService(service, 'tiles', { prefix })).rejects.toThrow('prefix')
  })

  test('but one that only begins like it', async () => {
    const headers = await asAdministrator(service)
    const payload = { id: 'kk', name: 'a', group: 'test', prefix: '/kk', target: 'http://upstream.test' }

    const answer = await service.inject({ method: 'POST', url: '/admin/services', headers, payload })

    expect(answer.status).toBe(201)
  })
})

test('without a gateway there are no links', async () => {
  const alone = await startService(linkSecret)
  try {
    const { id } = await alone.createKey('alice')

    const answer = await alone.inject({
      ...{ method: 'POST', url: `/api-keys/${id}/links`, headers: await alone.as('alice') },
      payload: { path: '/tiles' },
    })

    expectProblem(answer, 404, 'not_found')
    expect(answer.json.detail).toContain('no gateway')
  } finally {
    await alone.close()
  }
})

test('without a secret to seal with there are no links', async () => {
  const unsealed = await startService({}, { hasGateway: true })
  try {
    const { id } = await unsealed.createKey('alice')

    const answer = await unsealed.inject({
      ...{ method: 'POST', url: `/api-keys/${id}/links`, headers: await unsealed.as('alice') },
      payload: { path: '/tiles' },
    })

    expectProblem(answer, 404, 'not_found')
    expect(answer.json.detail).toContain('KEY_ENCRYPTION_SECRET')
  } finally {
    await unsealed.close()
  }
})

test('no link is made, nor written down, once the changes of an hour are used up', async () => {
  const { subject, login } = key.owner as { subject: string; login: string }
  const before = {
    at: new Date(service.clock.now() - 60_000),
    via: 'session',
    address: '',
    requestId: 'before',
  }
  const made = { actorSubject: subject, actorLogin: login, ownerSubject: subject, action: 'key.linked' }
  const data = Array.from({ length: 199 }, () => ({ ...before, ...made, targetId: key.id }))
  await service.db.prisma.auditEvent.createMany({ data })
  const count = () => service.db.prisma.auditEvent.count({ where: { targetId: key.id } })

  const answer = await link({ path: '/tiles/a.tif' })

  // The key of this test was made within the hour too.
  expectProblem(answer, 429, 'rate_limited')
  expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0)
  expect(await count()).toBe(200)
  await service.db.prisma.auditEvent.deleteMany({ where: { requestId: 'before' } })
  expect((await link({ path: '/tiles/a.tif' })).status).toBe(201)
})
