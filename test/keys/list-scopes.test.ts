import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { logIn } from '../support/log-in.js'
import { createPeople, type People } from '../support/people.js'
import { type Answer, startService, type TestService } from '../support/service.js'
import { expectProblem, requestsTo, subjects } from './requests.js'
import { aValueOf } from './stored-rows.js'

const folder = mkdtempSync(join(tmpdir(), 'latchkey-scopes-'))
const path = join(folder, 'scopes.json')
const describeScopes = (texts: unknown) =>
  writeFileSync(path, typeof texts === 'string' ? texts : JSON.stringify(texts))
const plain = { 'rspy-user': 'Use the platform.', 'nobody:has-it': 'Nothing.' }

let people: People
let service: TestService
const ask = requestsTo(() => service)
beforeAll(async () => {
  describeScopes(plain)
  people = createPeople()
  const env = { SCOPES_FILE: path, DIRECTORY_SYNC_SECONDS: '60', MAX_KEYS_PER_USER: '100' }
  service = await startService(env, { directory: people })
  // On a loaded machine a test takes so long that what is known of people would become too old within it.
  service.clock.freeze(new Date())
})
beforeEach(() => {
  people.set(subjects.alice, {})
  people.set(subjects.bob, { login: 'bob' })
  // What was known before is too old to be built on.
  service.clock.advance(120_000)
  service.log.length = 0
})
afterAll(async () => {
  await service.close()
  rmSync(folder, { recursive: true })
})

const list = (headers: Record<string, string>) => service.inject({ url: '/scopes', headers })
const scopesOf = ({ json }: Answer) => json.items.map(({ scope }: { scope: string }) => scope)
const make = (headers: Record<string, string>, scopes: string[]) =>
  service.inject({
    ...{ method: 'POST', url: '/api-keys', headers },
    payload: { name: crypto.randomUUID(), scopes },
  })

describe('the scopes that one may give', () => {
  test('are inherit, then the rights of the caller, each with what it means where that is told', async () => {
    const answer = await list(await service.as('alice'))

    expect(answer.status).toBe(200)
    expect(answer.json).toEqual({
      items: [
        { scope: 'inherit', description: 'All that you may do, as it is at each use.' },
        { scope: 'latchkey:catalog_read', description: null },
        { scope: 'rspy-user', description: 'Use the platform.' },
      ],
    })
    expect(answer.headers['cache-control']).toBe('no-store')
  })

  test('are the same through a session, and everybody has their own', async () => {
    people.set(subjects.bob, { login: 'bob', rights: ['bobs'] })
    const { cookie } = await logIn(service, 'bob')
    service.clock.advance(120_000)

    expect(scopesOf(await list({ cookie }))).toEqual(['inherit', 'bobs'])
    expect(scopesOf(await list(await service.as('alice')))).not.toContain('bobs')
  })

  test('can all be given, one by one and together', async () => {
    const headers = await service.as('alice', {
      claims: { realm_access: { roles: ['role with spaces', 'rôle'] }, groups: ['/a/b'] },
    })
    const [inherit, ...rights] = scopesOf(await list(headers))

    for (const scopes of [[inherit], rights, ...rights.map((right: string) => [right])]) {
      expect((await make(headers, scopes)).status).toBe(201)
    }
  })

  test('are those of the identity provider now, for the list as for a creation, whatever an older token says', async () => {
    const headers = await service.as('alice')
    const { cookie } = await logIn(service, 'alice')
    const session = { cookie, 'sec-fetch-site': 'same-origin' }
    expect(scopesOf(await list(headers))).toContain('rspy-user')

    people.set(subjects.alice, { rights: ['latchkey:catalog_read', 'given-since'] })
    service.clock.advance(90_000)

    for (const caller of [headers, session]) {
      expect(scopesOf(await list(caller))).toEqual(['inherit', 'given-since', 'latchkey:catalog_read'])
      expectProblem(await make(caller, ['rspy-user']), 403, 'insufficient_scope')
      expect((await make(caller, ['given-since'])).status).toBe(201)
    }
  })

  test('a creation asks by itself whether the right is still there', async () => {
    const headers = await service.as('alice')
    expect((await make(headers, ['rspy-user'])).status).toBe(201)

    people.set(subjects.alice, { rights: [] })
    service.clock.advance(90_000)

    expectProblem(await make(headers, ['rspy-user']), 403, 'insufficient_scope')
  })

  test('a right that was given a moment ago is not refused for what was known before', async () => {
    const { cookie } = await logIn(service, 'alice')
    const session = { cookie, 'sec-fetch-site': 'same-origin' }
    expect(scopesOf(await list(session))).not.toContain('given-since')

    people.set(subjects.alice, { rights: ['given-since'] })

    expect((await make(session, ['given-since'])).status).toBe(201)
    expectProblem(await make(session, ['never-given']), 403, 'insufficient_scope')
  })

  test('are those of a token of someone who was never here, who is not remembered for having looked', async () => {
    const headers = await service.as('alice', {
      claims: { sub: 'newcomer', preferred_username: 'new', realm_access: { roles: ['first'] } },
    })

    expect(scopesOf(await list(headers))).toEqual(['inherit', 'first', 'latchkey:catalog_read'])
    expect(await service.db.prisma.owner.count({ where: { subject: 'newcomer' } })).toBe(0)
  })

  test('leave out what no key can be given', async () => {
    const roles = ['inherit', 'x'.repeat(256), 'two\nlines', 'good']
    const headers = await service.as('alice', { claims: { sub: 'odd', realm_access: { roles } } })

    expect(scopesOf(await list(headers))).toEqual(['inherit', 'good', 'latchkey:catalog_read'])
  })

  test('are no key’s to ask for: none can give any', async () => {
    const { value } = await service.createKey('alice')

    expectProblem(await ask.with(value, 'GET', '/scopes'), 403, 'login_required')
    expectProblem(await service.inject({ url: '/scopes' }), 401, 'not_authenticated')
    const foreign = await service.as('alice', {
      clientId: 'some-service',
      claims: { aud: 'latchkey', azp: 'some-service' },
    })
    expectProblem(await list(foreign), 403, 'client_not_allowed')
  })

  test('are none of someone who is disabled', async () => {
    await service.createKey('bob')
    const headers = await service.as('bob')
    people.set(subjects.bob, 'disabled')
    service.clock.advance(90_000)

    const answer = await list(headers)

    expectProblem(answer, 401, 'invalid_credential')
    expect(answer.body).not.toContain('rspy-user')
  })
})

describe('a creation that asks for too much', () => {
  test('is told the rest, and challenged for all that it asked for', async () => {
    const headers = await service.as('alice')

    const answer = await make(headers, ['rspy-user', 'a role', 'größe'])

    expectProblem(answer, 403, 'insufficient_scope')
    expect(answer.json.detail).toBe('You do not have these rights: a role, größe.')
    expect(answer.headers['www-authenticate']).toBe(
      'Bearer error="insufficient_scope", scope="rspy-user a%20role gr%C3%B6%C3%9Fe"',
    )
  })

  test('gets no header that clients and proxies would refuse', async () => {
    const scopes = Array.from({ length: 100 }, (_, at) => `${at}`.padEnd(255, 'ö'))

    const answer = await make(await service.as('alice'), scopes)

    expectProblem(answer, 403, 'insufficient_scope')
    expect(answer.json.detail).toContain(scopes[99])
    expect(answer.headers['www-authenticate']).toBe('Bearer error="insufficient_scope"')
  })
})

describe('the file of descriptions', () => {
  const told = async () => {
    const { json } = await list(await service.as('alice'))
    return Object.fromEntries(
      json.items.map(({ scope, description }: Record<string, string>) => [scope, description]),
    )
  }
  beforeEach(async () => {
    describeScopes(plain)
    await service.app.reloadDeclarations()
    service.log.length = 0
  })

  test('is read anew when it is asked to be, and may tell of inherit in other words', async () => {
    describeScopes({ inherit: 'Tout.', 'latchkey:catalog_read': 'Lire.' })
    expect(await told()).toMatchObject({ 'latchkey:catalog_read': null })

    await service.app.reloadDeclarations()

    expect(await told()).toEqual({ inherit: 'Tout.', 'latchkey:catalog_read': 'Lire.', 'rspy-user': null })
  })

  const faults: [string, unknown, string][] = [
    ['no JSON', '{"rspy-user":', 'it is not JSON'],
    [
      'no JSON, of which nothing is quoted',
      '{"a": my-own-secret}',
      'it is not JSON (Unexpected token in JSON)',
    ],
    ['a right that is a key', { [aValueOf('Zk3vQ9aB')]: 'x' }, '"lk_Zk3vQ9aB_[hidden]" can be no right'],
    ['a list', [plain], 'the file must be object'],
    ['a text that is none', { 'group:/a': 7 }, 'group:/a must be string'],
    ['an empty text', { a: '' }, 'a must NOT have fewer than 1 characters'],
    ['a text of two lines', { a: 'b\nc' }, 'a must match pattern'],
    ['a right that is none', { '': 'Nothing.' }, '"" can be no right'],
  ]
  test.each(faults)('with %s changes nothing, and the log tells why', async (_case, texts, fault) => {
    describeScopes(texts)

    await service.app.reloadDeclarations()

    expect(await told()).toMatchObject({ 'rspy-user': 'Use the platform.' })
    const lines = service.log.map((line) => JSON.parse(line))
    expect(lines.filter(({ msg }) => msg === 'the file of scopes is refused')).toMatchObject([
      { faults: [expect.stringContaining(fault)] },
    ])
  })

  test('is kept as people write it: in NFC, without white space at its ends, with joined letters', async () => {
    describeScopes({ ...plain, 'rspy-user': ' Cafe\u0301 \u{1F469}\u200D\u{1F680} ' })

    await service.app.reloadDeclarations()

    expect(await told()).toMatchObject({ 'rspy-user': 'Caf\u00E9 \u{1F469}\u200D\u{1F680}' })
  })

  test('that cannot be stops the start', async () => {
    describeScopes({ a: 7, b: '' })

    const start = startService({ SCOPES_FILE: path })

    await expect(start).rejects.toThrow(
      `SCOPES_FILE (${path}) cannot be used:\n  - a must be string\n  - b must NOT have fewer than 1 characters`,
    )
  })
})

test('while the identity provider is away, what was known last is told', async () => {
  const own = createPeople()
  const other = await startService({ DIRECTORY_SYNC_SECONDS: '60' }, { directory: own })
  await other.createKey('alice')
  const headers = await other.as('alice', { lifetimeSeconds: 3600 })
  own.failure = new Error('Keycloak is away')
  other.clock.advance(90_000)

  const answer = await other.inject({ url: '/scopes', headers })

  expect(scopesOf(answer)).toEqual(['inherit', 'latchkey:catalog_read', 'rspy-user'])
  await other.close()
})
