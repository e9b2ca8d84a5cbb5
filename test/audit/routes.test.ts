import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { administrationOf, expectInvalid, subjects } from '../admin/world.js'
import { startService, type TestService } from '../support/service.js'

let service: TestService
const ask = administrationOf(() => service)
beforeAll(async () => {
  service = await startService({ TRUST_PROXY: '127.0.0.1' })
  service.clock.freeze('2026-11-21T12:00:00.000Z')
})
afterAll(() => service.close())

const list = async (query: string) => (await ask.admin('GET', `/admin/audit${query}`)).json
const actionsOf = async (query: string) =>
  (await list(query)).items.map(({ action }: { action: string }) => action)

test('a line tells who did what, how, from where, when and in which request', async () => {
  const headers = {
    ...(await service.as('alice', { claims: { realm_access: { roles: ['latchkey-admin'] } } })),
    'x-forwarded-for': '203.0.113.9',
  }
  const payload = { name: 'told', scopes: ['read'] }
  const made = await service.inject({ method: 'POST', url: '/admin/api-keys', headers, payload })

  const { items } = await list(`?target=${made.json.id}`)

  expect(items).toEqual([
    {
      id: expect.stringMatching(/^\d+$/),
      at: '2026-11-21T12:00:00.000Z',
      actor: { subject: subjects.alice, login: 'alice', key_id: null },
      via: 'oauth2',
      action: 'key.created',
      target: made.json.id,
      owner: `server:${made.json.id}`,
      address: '203.0.113.9',
      request_id: made.headers['x-request-id'],
      details: { name: 'told', kind: 'server', scopes: ['read'], groups: [], services: [] },
    },
  ])
})

test('no value and no hash of one is ever in it', async () => {
  const made = await service.createKey('bob', { name: 'secretive' })
  const rotated = (await ask.bob('POST', `/api-keys/${made.id}/rotate`)).json
  const server = await ask.serverKey()

  const { body } = await ask.admin('GET', '/admin/audit?limit=200')

  for (const value of [made.value, rotated.value, server.value]) {
    expect(body).not.toContain(value)
    expect(body).not.toContain(value.slice(-30))
  }
})

describe('the ledger is filtered', () => {
  beforeAll(async () => {
    service.clock.freeze('2026-11-22T12:00:00.000Z')
    const { id } = await service.createKey('bob', { name: 'filtered' })
    service.clock.freeze('2026-11-23T12:00:00.000Z')
    await ask.admin('PATCH', `/admin/api-keys/${id}`, { note: 'n' })
    service.clock.freeze('2026-11-24T12:00:00.000Z')
    await ask.admin('POST', `/admin/api-keys/${id}/revoke`)
  })

  test.each([
    ['?from=2026-11-22T00:00:00Z', ['key.revoked', 'key.updated', 'key.created']],
    ['?from=2026-11-23T12:00:00Z&to=2026-11-24T12:00:00Z', ['key.updated']],
    ['?from=2026-11-22T00:00:00Z&actor=alice', ['key.revoked', 'key.updated']],
    [`?from=2026-11-22T00:00:00Z&actor=${subjects.bob}`, ['key.created']],
    ['?from=2026-11-22T00:00:00Z&action=key.revoked', ['key.revoked']],
    [`?from=2026-11-22T00:00:00Z&owner=${subjects.bob}&action=key.created`, ['key.created']],
    ['?actor=nobody', []],
    ['?target=nothing', []],
    ['?action=%25', []],
    ['?to=1970-01-01T00:00:00Z', []],
  ])('by %s', async (query, actions) => {
    expect(await actionsOf(query)).toEqual(actions)
  })

  test('and comes page by page, the newest first, each line once', async () => {
    const all = (await list('?limit=200')).items
    const paged = []
    let cursor: string | null = ''
    while (cursor !== null) {
      const page: { items: object[]; next_cursor: string | null } = await list(
        `?limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`,
      )
      paged.push(...page.items)
      cursor = page.next_cursor
    }

    expect(all.length).toBeGreaterThan(4)
    expect(paged).toEqual(all)
    const times = all.map(({ at }: { at: string }) => at)
    expect(times).toEqual([...times].sort().reverse())
  })

  test.each([
    'from=yesterday',
    'from=0000-01-01T00:00:00Z',
    'to=0001-01-01T00:00:00%2B23:59',
    'to=2026-13-01T00:00:00Z',
    'limit=201',
    'cursor=x',
    `cursor=${Buffer.from(`1 ${'9'.repeat(30)}`).toString('base64url')}`,
    `cursor=${Buffer.from('1 abc').toString('base64url')}`,
    'actor=',
    'value=x',
  ])('but not by %s', async (query) => {
    expectInvalid(await ask.admin('GET', `/admin/audit?${query}`), query.split('=')[0] ?? '')
  })
})
