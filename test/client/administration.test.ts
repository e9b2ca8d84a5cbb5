import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ForbiddenError, InvalidOptionError, Latchkey } from '../../src/client/index.js'
import { startService, type TestService } from '../support/service.js'

let service: TestService
let admin: Latchkey['admin']
beforeAll(async () => {
  service = await startService()
  admin = connectAs({ realm_access: { roles: ['latchkey-admin'] } }).admin
})
afterAll(() => service.close())

const connectAs = (claims: Record<string, unknown>) =>
  new Latchkey({ url: service.url, token: () => service.token({ claims }) })

const readAll = async <T>(list: AsyncIterable<T>): Promise<T[]> => {
  const items: T[] = []
  for await (const item of list) items.push(item)
  return items
}

describe('an administrator', () => {
  test('makes a group, a service and a server key for it, and takes them back', async () => {
    const group = await admin.groups.create({ id: 'tools', name: 'Tools' })
    const target = 'http://127.0.0.1:9'
    const made = await admin.services.create({
      id: 'echo',
      name: 'Echo',
      group: 'tools',
      prefix: '/echo',
      target,
    })
    const key = await admin.apiKeys.create({ name: 'robot', groups: ['tools'], expires_in: 60 })

    const renamed = await admin.services.update('echo', { name: 'Echoes' })
    const found = await readAll(admin.apiKeys.list({ kind: 'server', group: 'tools' }))
    const services = await readAll(admin.services.list({ group: 'tools' }))
    const revoked = await admin.apiKeys.revoke(key.id)
    for (const take of [admin.apiKeys.delete(key.id), admin.services.delete('echo')]) await take
    await admin.groups.delete('tools')

    expect([group.name, made.name, renamed.name]).toEqual(['Tools', 'Echo', 'Echoes'])
    expect(found.map(({ id }) => id)).toEqual([key.id])
    expect(services.map(({ id }) => id)).toEqual(['echo'])
    expect(revoked).toMatchObject({ status: 'revoked', revoked_by: 'administrator' })
    expect(await readAll(admin.groups.list())).toEqual([])
    expect(await readAll(admin.apiKeys.list({ kind: 'server' }))).toEqual([])
  })

  test('limits an owner and a key, and begins its counters anew', async () => {
    const { id, owner } = await admin.apiKeys.create({ name: 'limited', limits: { per_day: 3 } })

    const set = await admin.owners.setLimits(owner.subject, { per_month: 10 })
    const quotas = await admin.apiKeys.quotas(id)

    expect(set).toEqual({ per_second: null, per_day: null, per_month: 10 })
    expect(await admin.owners.limits(owner.subject)).toEqual(set)
    expect(quotas.quotas.map(({ per, remaining }) => [per, remaining])).toEqual(
      expect.arrayContaining([
        ['day', 3],
        ['month', 10],
      ]),
    )
    expect(await admin.apiKeys.resetQuotas(id)).toBeUndefined()
  })

  test('revokes all keys of a person, and reads in the ledger who did', async () => {
    const { id } = await service.createKey('bob')
    const { owner } = await admin.apiKeys.show(id)

    const { revoked } = await admin.users.revokeApiKeys(owner.subject)

    const events = await readAll(admin.audit({ target: id, action: 'key.revoked' }))
    expect(revoked).toEqual([id])
    expect(await readAll(admin.users.apiKeys(owner.subject, { status: 'revoked' }))).toMatchObject([{ id }])
    expect(events).toMatchObject([{ actor: { login: 'alice' }, target: id }])
  })

  test('revokes several keys at once, renews one, and rotates that of a server', async () => {
    const { id } = await service.createKey('bob')
    const made = await admin.apiKeys.create({ name: 'turned' })

    const { revoked, items } = await admin.apiKeys.revokeMany([id, made.id])
    const renewed = await admin.apiKeys.renew(made.id)
    const rotated = await admin.apiKeys.rotate(made.id, { grace_seconds: 60 })

    expect(revoked).toEqual([id, made.id])
    expect(items.map(({ status }) => status)).toEqual(['revoked', 'revoked'])
    expect(renewed.status).toBe('active')
    expect(rotated.value).not.toBe(made.value)
    expect(rotated.previous_values).toHaveLength(1)
    await expect(admin.apiKeys.rotate(id)).rejects.toBeInstanceOf(ForbiddenError)
    await expect(admin.apiKeys.revokeMany(['unknown'])).rejects.toMatchObject({ code: 'not_found' })
    await admin.apiKeys.delete(made.id)
  })

  test('switches all keys off and on again', async () => {
    const { value } = await service.createKey('alice')
    const byKey = new Latchkey({ url: service.url, apiKey: value })

    const off = await admin.provider.set(true)
    const refused = await byKey.me().catch((error: unknown) => error)
    const on = await admin.provider.set(false)

    expect([off.disabled, on.disabled]).toEqual([true, false])
    expect(refused).toMatchObject({ code: 'invalid_credential' })
    expect(await byKey.me()).toMatchObject({ login: 'alice' })
    expect(await admin.provider.show()).toEqual(on)
  })
})

describe('what leads elsewhere in a URL is no id', () => {
  test.each<[what: string, part: unknown]>([
    ['nothing', ''],
    ['a dot', '.'],
    ['two dots', '..'],
    ['half a character', 'a\ud800'],
    ['what is not there', undefined],
  ])('%s', (_what, part) => {
    const sent: unknown[] = []
    const fetch: typeof globalThis.fetch = async (url) => {
      sent.push(url)
      return Response.json({ items: [], next_cursor: null })
    }
    const { admin, apiKeys } = new Latchkey({ url: service.url, apiKey: 'x', fetch })
    // As a program without types may call it.
    const id = part as string

    const calls: (() => unknown)[] = [
      () => admin.users.apiKeys(id).page(),
      () => admin.users.revokeApiKeys(id),
      () => admin.groups.delete(id),
      () => admin.apiKeys.resetQuotas(id),
      () => apiKeys.delete(id),
      () => apiKeys.createLink(id, { path: '/x' }),
    ]

    for (const call of calls) expect(call).toThrow(InvalidOptionError)
    expect(sent).toEqual([])
  })

  test('but an id with dots and slashes in it is one', async () => {
    const sent: unknown[] = []
    const fetch: typeof globalThis.fetch = async (url) => {
      sent.push(new URL(String(url)).pathname)
      return Response.json({})
    }
    const { apiKeys } = new Latchkey({ url: service.url, apiKey: 'x', fetch })

    for (const id of ['...', 'a.b', '../a', '%2e%2e', 'a?b#c']) await apiKeys.show(id)

    expect(sent).toEqual([
      '/api-keys/...',
      '/api-keys/a.b',
      '/api-keys/..%2Fa',
      '/api-keys/%252e%252e',
      '/api-keys/a%3Fb%23c',
    ])
  })
})

test('who is no administrator is refused all of it', async () => {
  const bob = new Latchkey({ url: service.url, token: () => service.token({ person: 'bob' }) }).admin

  const refusals = await Promise.all(
    [
      bob.apiKeys.list().page(),
      bob.apiKeys.create({ name: 'x' }),
      bob.groups.list().page(),
      bob.services.delete('x'),
      bob.provider.set(true),
      bob.audit().page(),
      bob.users.revokeApiKeys('x'),
    ].map((call: Promise<unknown>) => call.catch((error: unknown) => error)),
  )

  for (const refusal of refusals) expect(refusal).toBeInstanceOf(ForbiddenError)
})
