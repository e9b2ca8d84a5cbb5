import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import {
  ConflictError,
  ForbiddenError,
  InvalidRequestError,
  Latchkey,
  LatchkeyError,
  type LatchkeyOptions,
  NotAuthenticatedError,
  NotFoundError,
} from '../../src/client/index.js'
import { startService, type TestService } from '../support/service.js'
import { json, startScriptedService } from './scripted-service.js'

let service: TestService
beforeAll(async () => {
  service = await startService()
})
afterAll(() => service.close())
afterEach(() => vi.unstubAllEnvs())

const connect = (options: LatchkeyOptions = {}) => new Latchkey({ url: service.url, ...options })
const connectAs = (person: 'alice' | 'bob') => connect({ token: () => service.token({ person }) })

const failureOf = async (answer: Promise<unknown>): Promise<LatchkeyError> => {
  const error = await answer.catch((thrown: unknown) => thrown)
  if (error instanceof LatchkeyError) return error
  throw new Error('It did not fail as the service refuses', { cause: error })
}

describe('the life of a key', () => {
  test('a key is made, used, changed, rotated, revoked, renewed and deleted', async () => {
    const alice = connectAs('alice')

    const made = await alice.apiKeys.create({ name: 'whole life', expires_in: 3600 })
    const me = await connect({ apiKey: made.value }).me()
    const changed = await alice.apiKeys.update(made.id, { note: 'on node 7' })
    const rotated = await alice.apiKeys.rotate(made.id)
    const old = await failureOf(connect({ apiKey: made.value }).me())
    const revoked = await alice.apiKeys.revoke(made.id)
    const renewed = await alice.apiKeys.renew(made.id)
    const gone = await alice.apiKeys.delete(made.id)
    const after = await failureOf(alice.apiKeys.show(made.id))

    expect(me).toMatchObject({ login: 'alice', via: 'api-key', key_id: made.id })
    expect(changed).toMatchObject({ note: 'on node 7' })
    expect(rotated.value).not.toBe(made.value)
    expect(old).toBeInstanceOf(NotAuthenticatedError)
    expect([revoked.status, renewed.status]).toEqual(['revoked', 'active'])
    expect(gone).toBeUndefined()
    expect(after).toBeInstanceOf(NotFoundError)
  })

  test('a value is asked about without a credential', async () => {
    const { value } = await service.createKey('alice')
    const nobody = connect({ apiKey: null })

    const good = await nobody.apiKeys.verify({ value, method: 'GET' })
    const bad = await nobody.apiKeys.verify({ value: `${value}x`, method: 'GET' })

    expect(good).toMatchObject({ valid: true, principal: { login: 'alice' } })
    expect(bad).toMatchObject({ valid: false, code: 'invalid_credential' })
  })

  test('owners see which program used a key', async () => {
    const { id, value } = await service.createKey('alice')

    await connect({ apiKey: value, userAgent: 'nightly-ingestion/2' }).me()

    await expect
      .poll(async () => (await connectAs('alice').apiKeys.show(id)).usage.last_user_agent, {
        timeout: 15_000,
      })
      .toBe('nightly-ingestion/2')
  })
})

describe('lists', () => {
  test('a list of many pages is read to its end, two hundred at a time', async () => {
    const pages = [
      { items: [{ id: 'a' }, { id: 'b' }], next_cursor: 'after b' },
      { items: [{ id: 'c' }], next_cursor: 'after c' },
      { items: [], next_cursor: null },
    ] as const
    const long = await startScriptedService(json(pages[0]), json(pages[1]), json(pages[2]))

    const seen: string[] = []
    for await (const { id } of long.connect().admin.apiKeys.list({ q: 'x y' })) seen.push(id)
    await long.close()

    expect(seen).toEqual(['a', 'b', 'c'])
    expect(long.seen.map(({ url }) => url)).toEqual([
      '/admin/api-keys?q=x+y&limit=200',
      '/admin/api-keys?q=x+y&limit=200&cursor=after+b',
      '/admin/api-keys?q=x+y&limit=200&cursor=after+c',
    ])
  })

  test('a page is of the size asked for, and tells where the next begins', async () => {
    const made = []
    for (const name of ['first', 'second', 'third']) made.push(await service.createKey('bob', { name }))
    const { apiKeys } = connectAs('bob')

    const first = await apiKeys.list().page({ limit: 2 })
    const second = await apiKeys.list().page({ limit: 2, cursor: first.next_cursor ?? '' })

    const seen = [...first.items, ...second.items].map(({ id }) => id)
    expect(first.items).toHaveLength(2)
    expect(seen).toEqual(made.map(({ id }) => id).reverse())
    expect(second.next_cursor).toBeNull()
  })

  test('a list is of the status asked for', async () => {
    const { id } = await service.createKey('alice')
    await connectAs('alice').apiKeys.revoke(id)

    const { items } = await connectAs('alice').apiKeys.list({ status: 'revoked' }).page()

    expect(new Set(items.map(({ status }) => status))).toEqual(new Set(['revoked']))
  })
})

describe('refusals', () => {
  test('have a class, the code of the service, and what finds them in its log', async () => {
    const name = 'twice'
    const { id } = await service.createKey('alice', { name })
    const alice = connectAs('alice')

    const refusals = await Promise.all([
      failureOf(alice.apiKeys.create({ name })),
      failureOf(connectAs('bob').apiKeys.show(id)),
      failureOf(connect({ apiKey: 'lk_none' }).me()),
      failureOf(connect({ apiKey: null }).me()),
      failureOf(alice.apiKeys.create({ name: 'x', scopes: ['not-hers'] })),
    ])

    expect(refusals.map(({ code, status }) => [code, status])).toEqual([
      ['name_taken', 409],
      ['not_found', 404],
      ['invalid_credential', 401],
      ['not_authenticated', 401],
      ['insufficient_scope', 403],
    ])
    expect(refusals.map((refusal) => refusal.constructor)).toEqual([
      ConflictError,
      NotFoundError,
      NotAuthenticatedError,
      NotAuthenticatedError,
      ForbiddenError,
    ])
    for (const { requestId } of refusals) expect(service.log.join('')).toContain(requestId)
  })

  test('an invalid input is told member by member', async () => {
    const refusal = await failureOf(connectAs('alice').apiKeys.create({ name: '', expires_in: 0 }))

    expect(refusal).toBeInstanceOf(InvalidRequestError)
    expect(refusal.errors.map(({ path }) => path).sort()).toEqual(['expires_in', 'name'])
  })

  test('an id is one part of a path, whatever it holds', async () => {
    const refusal = await failureOf(connectAs('alice').apiKeys.show('../me?'))

    expect(refusal.code).toBe('validation_failed')
  })
})

test('whoever is logged in is told what their keys may be given, and a key is not', async () => {
  const { value } = await service.createKey('alice')

  const scopes = await connectAs('alice').scopes()
  const refused = await failureOf(connect({ apiKey: value }).scopes())

  expect(scopes).toContainEqual({ scope: 'rspy-user', description: null })
  expect(refused.code).toBe('login_required')
})

describe('the environment', () => {
  test('names the service and the key, where the program does not', async () => {
    const { value, id } = await service.createKey('alice')
    vi.stubEnv('LATCHKEY_URL', service.url)
    vi.stubEnv('LATCHKEY_API_KEY', value)

    const me = await new Latchkey().me()

    expect(me.key_id).toBe(id)
  })

  test('is not heeded where the program says otherwise', async () => {
    vi.stubEnv('LATCHKEY_URL', 'https://elsewhere.invalid')
    vi.stubEnv('LATCHKEY_API_KEY', 'lk_of_the_environment')

    const me = await connectAs('bob').me()
    const nobody = await failureOf(connect({ apiKey: null }).me())

    expect(me).toMatchObject({ login: 'bob', via: 'oauth2' })
    expect(nobody.code).toBe('not_authenticated')
  })

  test('without a service the client cannot be made', () => {
    vi.stubEnv('LATCHKEY_URL', '')

    expect(() => new Latchkey()).toThrow('Latchkey needs a url, or LATCHKEY_URL in the environment')
  })
})
