import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { expectProblem } from '../keys/requests.js'
import { startService, type TestService } from '../support/service.js'
import { administratorOf } from './administrator.js'

let service: TestService
beforeAll(async () => {
  service = await startService({ DEFAULT_KEY_GROUPS: '' })
})
afterAll(() => service.close())

const { ask, aGroup, aService, aKeyFor, newId } = administratorOf(() => service)

describe('an administrator', () => {
  test('makes a group and finds it where the answer says', async () => {
    const id = newId('group')

    const made = await ask('POST', '/admin/groups', { id, name: 'Processing' })

    expect(made.status).toBe(201)
    expect(made.json).toEqual({
      id,
      name: 'Processing',
      description: '',
      limits: { per_second: null, per_day: null, per_month: null },
      origin: 'api',
      created_at: expect.stringMatching(/Z$/),
    })
    expect(made.headers).toMatchObject({ location: `groups/${id}`, 'cache-control': 'no-store' })
    expect((await ask('GET', `/admin/groups/${id}`)).json).toEqual(made.json)
  })

  test('changes what is named and nothing else, also within the limits', async () => {
    const group = await aGroup({ description: 'Old', limits: { per_second: 5, per_day: 100 } })

    const changed = await ask('PATCH', `/admin/groups/${group.id}`, {
      name: 'New',
      limits: { per_second: null, per_month: 7 },
    })

    expect(changed.status).toBe(200)
    expect(changed.json).toEqual({
      ...group,
      name: 'New',
      limits: { per_second: null, per_day: 100, per_month: 7 },
    })
    expect((await ask('GET', `/admin/groups/${group.id}`)).json).toEqual(changed.json)
  })

  test('deletes a group that nothing refers to', async () => {
    const { id } = await aGroup()

    const deleted = await ask('DELETE', `/admin/groups/${id}`)

    expect([deleted.status, deleted.body]).toEqual([204, ''])
    expectProblem(await ask('GET', `/admin/groups/${id}`), 404, 'not_found')
  })

  test('lists groups newest first, a page at a time', async () => {
    const ids = []
    for (let at = 0; at < 3; at++) ids.unshift((await aGroup()).id)

    const first = (await ask('GET', '/admin/groups?limit=2')).json
    const second = (await ask('GET', `/admin/groups?limit=1&cursor=${first.next_cursor}`)).json

    expect([...first.items, ...second.items].map(({ id }) => id)).toEqual(ids)
  })

  test('finds every change in the ledger, and none where nothing changed', async () => {
    const { id } = await aGroup({ name: 'One' })
    await ask('PATCH', `/admin/groups/${id}`, { name: 'Two' })
    await ask('PATCH', `/admin/groups/${id}`, { name: 'Two' })
    await ask('DELETE', `/admin/groups/${id}`)

    const lines = await service.db.prisma.auditEvent.findMany({
      where: { targetId: id },
      orderBy: { id: 'asc' },
    })

    expect(lines.map(({ action, details }) => [action, details])).toEqual([
      ['group.created', expect.objectContaining({ name: 'One' })],
      ['group.updated', { name: 'Two' }],
      ['group.deleted', { name: 'Two' }],
    ])
    for (const line of lines) {
      expect(line).toMatchObject({ actorLogin: 'alice', via: 'oauth2', address: '127.0.0.1' })
      expect(line.requestId).toMatch(/^[0-9a-f-]{36}$/)
    }
  })
})

describe('a group is refused', () => {
  test('when its id is taken', async () => {
    const { id } = await aGroup()

    expectProblem(await ask('POST', '/admin/groups', { id, name: 'Again' }), 409, 'id_taken')
  })

  test.each([
    ['id', { id: 'Upper' }],
    ['id', { id: '-first' }],
    ['id', { id: 'a'.repeat(64) }],
    ['id', { id: 'a/b' }],
    ['name', { name: '' }],
    ['name', { name: 'a\nb' }],
    ['limits.per_day', { limits: { per_day: 0 } }],
    ['limits.per_day', { limits: { per_day: -1 } }],
    ['limits.per_second', { limits: { per_second: 1.5 } }],
    ['limits.per_month', { limits: { per_month: '10' } }],
    ['limits.per_year', { limits: { per_year: 1 } }],
    ['origin', { origin: 'file' }],
    ['services', { services: [] }],
  ])('with a wrong %s, which is named: %j', async (path, wrong) => {
    const answer = await ask('POST', '/admin/groups', { id: newId('group'), name: 'A group', ...wrong })

    expectProblem(answer, 400, 'validation_failed')
    expect(answer.json.errors.map((fault: { path: string }) => fault.path)).toContain(path)
  })

  test.each([{}, { id: 'other' }, { limits: {} }, { limits: null }, { created_at: '2026-01-01T00:00:00Z' }])(
    'a change that says %j',
    async (changes) => {
      const { id } = await aGroup()

      expectProblem(await ask('PATCH', `/admin/groups/${id}`, changes), 400, 'validation_failed')
    },
  )

  test.each(['GET', 'PATCH', 'DELETE'] as const)('%s of one that is not there', async (method) => {
    const answer = await ask(method, '/admin/groups/nowhere', method === 'PATCH' ? { name: 'x' } : undefined)

    expectProblem(answer, 404, 'not_found')
  })

  test('deleting it while a service is in it, and not any more', async () => {
    const { id } = await aGroup()
    const inside = await aService({ group: id })

    expectProblem(await ask('DELETE', `/admin/groups/${id}`), 409, 'in_use')
    await ask('DELETE', `/admin/services/${inside.id}`)

    expect((await ask('DELETE', `/admin/groups/${id}`)).status).toBe(204)
  })

  test('deleting it while a key names it', async () => {
    const { id } = await aGroup()
    await aKeyFor({ groups: ['another', id] })

    expectProblem(await ask('DELETE', `/admin/groups/${id}`), 409, 'in_use')
    expect((await ask('GET', `/admin/groups/${id}`)).status).toBe(200)
  })

  test('a cursor that is none', async () => {
    expectProblem(await ask('GET', '/admin/groups?cursor=x'), 400, 'validation_failed')
  })
})

describe('the registry is closed', () => {
  const calls = [
    ['GET', '/admin/groups'],
    ['POST', '/admin/groups'],
    ['GET', '/admin/groups/x'],
    ['PATCH', '/admin/groups/x'],
    ['DELETE', '/admin/groups/x'],
    ['GET', '/admin/services'],
    ['POST', '/admin/services'],
    ['GET', '/admin/services/x'],
    ['PATCH', '/admin/services/x'],
    ['DELETE', '/admin/services/x'],
  ] as const

  test.each(calls)(
    '%s %s to people without the role, to keys, to other clients, to nobody',
    async (method, url) => {
      const { value } = await service.createKey('alice')
      const roles = { realm_access: { roles: ['latchkey-admin'] } }
      const asked = async (headers: Record<string, string>) => {
        const answer = await service.inject({ method, url, headers })
        return [answer.status, answer.json.code]
      }

      expect(await asked(await service.as('bob'))).toEqual([403, 'insufficient_scope'])
      expect(await asked({ 'x-api-key': value })).toEqual([403, 'login_required'])
      expect(await asked(await service.as('alice', { claims: { ...roles, azp: 'other' } }))).toEqual([
        403,
        'client_not_allowed',
      ])
      expect(await asked({})).toEqual([401, 'not_authenticated'])
    },
  )
})
