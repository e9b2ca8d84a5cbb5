import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { keyStatuses } from '../../src/schemas/key.js'
import { startService, type TestService } from '../support/service.js'
import { expectInvalid, requestsTo, subjects } from './requests.js'

let service: TestService
const ask = requestsTo(() => service)
beforeAll(async () => {
  service = await startService({ MAX_KEYS_PER_USER: '1000' })
  service.clock.freeze('2026-11-21T12:00:00.000Z')
})
beforeEach(async () => {
  await service.db.prisma.apiKey.deleteMany()
})
afterAll(() => service.close())

const list = (query = '') => ask.as('alice', 'GET', `/api-keys${query}`)
const namesOf = (items: { name: string }[]) => items.map(({ name }) => name)
async function readAll(limit: number, between: () => Promise<unknown> = async () => {}) {
  const names: string[] = []
  let query = `?limit=${limit}`
  for (;;) {
    const { items, next_cursor } = (await list(query)).json
    expect(items.length).toBeLessThanOrEqual(limit)
    names.push(...namesOf(items))
    if (next_cursor === null) return names
    query = `?limit=${limit}&cursor=${encodeURIComponent(next_cursor)}`
    await between()
  }
}
async function makeKeys(count: number, stepMs: number) {
  const names = Array.from({ length: count }, (_, at) => `key ${at}`)
  for (const name of names) {
    await service.createKey('alice', { name })
    service.clock.advance(stepMs)
  }
  return names
}

test('whoever has no keys, or was never here, gets an empty list', async () => {
  const headers = await service.as('alice', { claims: { sub: 'nobody-yet' } })

  expect((await list()).json).toEqual({ items: [], next_cursor: null })
  expect((await service.inject({ url: '/api-keys', headers })).json).toEqual({ items: [], next_cursor: null })
})

test('the newest key comes first, each as it is shown alone', async () => {
  const names = await makeKeys(3, 1)

  const { items, next_cursor } = (await list()).json

  expect(namesOf(items)).toEqual(names.toReversed())
  expect(next_cursor).toBeNull()
  for (const item of items) expect(item).toEqual((await ask.as('alice', 'GET', `/api-keys/${item.id}`)).json)
})

test.each([1, 2, 3, 7, 8, 200])('pages of %i hold every key exactly once', async (limit) => {
  const names = await makeKeys(7, 1)

  expect(await readAll(limit)).toEqual(names.toReversed())
})

test('keys of the same millisecond come exactly once too', async () => {
  const names = await makeKeys(9, 0)

  const read = await readAll(2)

  expect(read.toSorted()).toEqual(names.toSorted())
  expect(await readAll(4)).toEqual(read)
})

test('keys that are made and deleted meanwhile neither repeat nor hide others', async () => {
  const names = await makeKeys(8, 1)
  let made = 0

  const read = await readAll(2, async () => {
    service.clock.advance(1)
    const { id } = await service.createKey('alice', { name: `meanwhile ${made++}` })
    if (made === 2) await ask.as('alice', 'DELETE', `/api-keys/${id}`)
  })

  expect(read).toEqual(names.toReversed())
})

test('a page may begin after a key that is gone', async () => {
  await makeKeys(4, 1)
  const first = (await list('?limit=2')).json
  await ask.as('alice', 'DELETE', `/api-keys/${first.items[1].id}`)

  const second = (await list(`?limit=2&cursor=${first.next_cursor}`)).json

  expect(namesOf(second.items)).toEqual(['key 1', 'key 0'])
})

test('a page holds 50 keys unless it is asked for others', async () => {
  await service.createKey('alice')
  const [model] = await service.db.prisma.apiKey.findMany()
  if (model === undefined) throw new Error('no key')
  const rows = Array.from({ length: 250 }, (_, at) => ({
    ...model,
    config: {},
    id: `made${at}`,
    name: `made ${at}`,
  }))
  await service.db.prisma.apiKey.createMany({ data: rows })

  expect((await list()).json.items).toHaveLength(50)
  expect((await list('?limit=200')).json.items).toHaveLength(200)
  expect(new Set(await readAll(200)).size).toBe(251)
})

test.each([
  ['limit=0', 'limit'],
  ['limit=201', 'limit'],
  ['limit=-1', 'limit'],
  ['limit=1.5', 'limit'],
  ['limit=many', 'limit'],
  ['limit=', 'limit'],
  ['limit=1&limit=2', 'limit'],
  ['status=unknown', 'status'],
  ['status=ACTIVE', 'status'],
  ['status=', 'status'],
  ['cursor=', 'cursor'],
  ['cursor=x', 'cursor'],
  ['cursor=%00', 'cursor'],
  [`cursor=${'A'.repeat(201)}`, 'cursor'],
  [`cursor=${Buffer.from('999999999999999 a').toString('base64url')}`, 'cursor'],
  [`cursor=${Buffer.from('1 a b').toString('base64url')}`, 'cursor'],
  [`cursor=${Buffer.from("1 ' OR 1=1").toString('base64url')}`, 'cursor'],
  ['owner=bob', 'owner'],
])('a list with %s is refused', async (query, member) => {
  expectInvalid(await list(`?${query}`), member)
})

test('another owner’s cursor leads to nothing of theirs', async () => {
  await service.createKey('bob', { name: 'secret project' })
  service.clock.advance(1)
  await service.createKey('bob', { name: 'other project' })
  const { next_cursor } = (await ask.as('bob', 'GET', '/api-keys?limit=1')).json
  service.clock.advance(1)
  await service.createKey('alice', { name: 'mine' })

  const answer = await list(`?cursor=${next_cursor}`)

  expect(answer.json.items).toEqual([])
  expect((await list()).body).not.toContain('project')
})

/** A key in every combination of what a status depends on, but for its owner. */
async function makeEveryKind() {
  const { prisma } = service.db
  const past = new Date(service.clock.now())
  for (const revokedAt of [null, past])
    for (const enabled of [true, false])
      for (const expiresAt of [null, past, new Date(past.getTime() + 1)]) {
        const { id } = await service.createKey('alice')
        await prisma.apiKey.update({ where: { id }, data: { revokedAt, enabled, expiresAt } })
      }
}

test.each([true, false])(
  'each filter finds exactly the keys that show that status (owner enabled: %s)',
  async (enabled) => {
    await makeEveryKind()
    await service.db.prisma.owner.update({ where: { subject: subjects.alice }, data: { enabled } })
    const all: { id: string; status: string }[] = (await list('?limit=200')).json.items

    for (const status of keyStatuses) {
      const found = (await list(`?status=${status}&limit=200`)).json.items
      const expected = all.filter((key) => key.status === status)
      expect(found).toEqual(expected)
    }

    expect(all).toHaveLength(12)
    expect(new Set(all.map(({ status }) => status))).toEqual(
      new Set(enabled ? ['revoked', 'disabled', 'expired', 'active'] : ['revoked', 'owner_disabled']),
    )
    await service.db.prisma.owner.update({ where: { subject: subjects.alice }, data: { enabled: true } })
  },
)

test('a filtered list goes on page by page as well', async () => {
  const names = await makeKeys(6, 1)
  for (const { id, name } of (await list()).json.items)
    if (Number(name.at(-1)) % 2 === 0) await ask.as('alice', 'POST', `/api-keys/${id}/revoke`)

  const first = (await list('?status=active&limit=2')).json
  const second = (await list(`?status=active&limit=2&cursor=${first.next_cursor}`)).json

  expect([...namesOf(first.items), ...namesOf(second.items)]).toEqual([names[5], names[3], names[1]])
  expect(second.next_cursor).toBeNull()
})
