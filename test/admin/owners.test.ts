import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { startService, type TestService } from '../support/service.js'
import { administrationOf, expectInvalid, expectProblem, subjects } from './world.js'

let service: TestService
const ask = administrationOf(() => service)
beforeAll(async () => {
  service = await startService()
})
afterAll(() => service.close())
beforeEach(async () => {
  service.clock.freeze('2026-11-21T12:00:00.000Z')
  await service.db.write((tx) => tx.apiKey.deleteMany())
})

const ofBob = `/admin/users/${subjects.bob}/api-keys`
const unlimited = { per_second: null, per_day: null, per_month: null }

describe('the keys of a person', () => {
  test('are listed, and nobody else’s', async () => {
    await service.createKey('alice')
    const keys = [await service.createKey('bob'), await service.createKey('bob')]
    await ask.admin('POST', `/admin/api-keys/${keys[0]?.id}/revoke`)

    const all = await ask.admin('GET', ofBob)
    const active = await ask.admin('GET', `${ofBob}?status=active&limit=1`)

    const idsOf = (answer: typeof all) => answer.json.items.map(({ id }: { id: string }) => id).sort()
    expect(idsOf(all)).toEqual(keys.map(({ id }) => id).sort())
    expect(idsOf(active)).toEqual([keys[1]?.id])
    for (const { value } of keys) expect(all.body).not.toContain(value)
  })

  test('are revoked at once, for good as far as they are concerned', async () => {
    const keys = [await service.createKey('bob'), await service.createKey('bob')]
    const revoked = await service.createKey('bob')
    await ask.bob('POST', `/api-keys/${revoked.id}/revoke`)
    const other = await service.createKey('alice')
    for (const { value } of [...keys, other]) expect((await ask.with(value)).status).toBe(200)

    const answer = await ask.admin('POST', `${ofBob}/revoke`)

    expect(answer.json.revoked.sort()).toEqual([...keys, revoked].map(({ id }) => id).sort())
    for (const { id, value } of [...keys, revoked]) {
      expect((await ask.with(value)).status).toBe(401)
      expectProblem(await ask.bob('POST', `/api-keys/${id}/renew`), 403, 'set_by_administrator')
      expect((await ask.linesOf(id)).at(-1)).toMatchObject({
        action: 'key.revoked',
        actorSubject: subjects.alice,
        requestId: answer.headers['x-request-id'],
        details: { all: true },
      })
    }
    expect((await ask.with(other.value)).status).toBe(200)
    expect((await ask.admin('POST', `${ofBob}/revoke`)).json).toEqual({ revoked: [] })
  })

  test('that are being made meanwhile are revoked as well, or made after it', async () => {
    await service.createKey('bob')

    const [answer, ...made] = await Promise.all([
      ask.admin('POST', `${ofBob}/revoke`),
      ...Array.from({ length: 5 }, (_, n) => ask.bob('POST', '/api-keys', { name: `at once ${n}` })),
    ])

    for (const { json } of made) {
      const isRevoked = answer.json.revoked.includes(json.id)
      expect((await ask.with(json.value)).status).toBe(isRevoked ? 401 : 200)
    }
  })

  test.each(['unknown', 'server'])('of somebody who is no person are not found: %s', async (who) => {
    const subject = who === 'server' ? `server:${(await ask.serverKey()).id}` : who
    const url = `/admin/users/${encodeURIComponent(subject)}/api-keys`

    expectProblem(await ask.admin('GET', url), 404, 'not_found')
    expectProblem(await ask.admin('POST', `${url}/revoke`), 404, 'not_found')
  })

  test('are not revoked by a body that asks for something else', async () => {
    const { value } = await service.createKey('bob')

    expectInvalid(await ask.admin('POST', `${ofBob}/revoke`, { permanent: true }), 'permanent')
    expect((await ask.with(value)).status).toBe(200)
  })
})

describe('limits of an owner', () => {
  const limits = `/admin/owners/${subjects.bob}/limits`

  test('hold over all of their keys from the answer on, and are told', async () => {
    const [one, other] = [await service.createKey('bob'), await service.createKey('bob')]
    expect((await ask.with(one.value)).status).toBe(200)
    expect((await ask.admin('GET', limits)).json).toEqual(unlimited)

    const set = await ask.admin('PUT', limits, { per_day: 2 })
    const statuses = []
    for (const { value } of [one, other, one, other]) statuses.push((await ask.with(value)).status)

    expect(set.json).toEqual({ ...unlimited, per_day: 2 })
    expect((await ask.admin('GET', limits)).json).toEqual({ ...unlimited, per_day: 2 })
    expect(statuses).toEqual([200, 200, 429, 429])
    await ask.admin('PUT', limits, {})
    expect((await ask.with(one.value)).status).toBe(200)
    expect((await ask.linesOf(subjects.bob)).map(({ action, details }) => [action, details])).toEqual([
      ['owner.limited', { ...unlimited, per_day: 2 }],
      ['owner.limited', unlimited],
    ])
  })

  test('are those of a server user as well', async () => {
    const { id } = await ask.serverKey()

    const answer = await ask.admin('PUT', `/admin/owners/server:${id}/limits`, { per_second: 3 })

    expect(answer.json).toEqual({ ...unlimited, per_second: 3 })
  })

  test.each([{ per_day: 0 }, { per_day: -1 }, { per_day: 1.5 }, { per_day: '5' }, { per_year: 1 }])(
    'are not %j',
    async (wanted) => {
      const before = (await ask.admin('GET', limits)).json

      expectInvalid(await ask.admin('PUT', limits, wanted), Object.keys(wanted)[0] ?? '')
      expect((await ask.admin('GET', limits)).json).toEqual(before)
    },
  )

  test('of nobody are not found', async () => {
    expectProblem(await ask.admin('GET', '/admin/owners/nobody/limits'), 404, 'not_found')
    expectProblem(await ask.admin('PUT', '/admin/owners/nobody/limits', {}), 404, 'not_found')
  })
})

describe('quotas of a key', () => {
  test('tell what remains, and begin anew when they are reset', async () => {
    const { id, value } = await service.createKey('bob')
    await ask.admin('PATCH', `/admin/api-keys/${id}`, { limits: { per_day: 2, per_month: 10 } })
    const quotas = `/admin/api-keys/${id}/quotas`
    await ask.with(value)
    await ask.with(value)
    expect((await ask.with(value)).json.code).toBe('quota_exceeded')

    const spent = await ask.admin('GET', quotas)
    const reset = await ask.admin('DELETE', quotas)

    expect(spent.json).toEqual({
      limits: { per_second: null, per_day: 2, per_month: 10 },
      owner_limits: unlimited,
      quotas: [
        {
          ...{ party: `key:${id}`, per: 'day', limit: 2, used: 2, remaining: 0 },
          resets_at: '2026-11-22T00:00:00.000Z',
        },
        {
          ...{ party: `key:${id}`, per: 'month', limit: 10, used: 2, remaining: 8 },
          resets_at: '2026-12-01T00:00:00.000Z',
        },
      ],
    })
    expect(reset.status).toBe(204)
    expect((await ask.with(value)).status).toBe(200)
    expect((await ask.admin('GET', quotas)).json.quotas[0]).toMatchObject({ used: 1, remaining: 1 })
    expect((await ask.linesOf(id)).at(-1)).toMatchObject({ action: 'key.quotas_reset' })
  })

  test('are none where nothing is limited', async () => {
    const { id } = await service.createKey('bob')

    expect((await ask.admin('GET', `/admin/api-keys/${id}/quotas`)).json.quotas).toEqual([])
  })

  test('of a key that is not there are not found', async () => {
    expectProblem(await ask.admin('GET', '/admin/api-keys/unknown/quotas'), 404, 'not_found')
    expectProblem(await ask.admin('DELETE', '/admin/api-keys/unknown/quotas'), 404, 'not_found')
  })
})

describe('groups of a key', () => {
  test('must be there, narrow it, and cannot be deleted while it names them', async () => {
    const { id } = await service.createKey('bob')
    const group = { id: 'auxip', name: 'Auxiliary data' }
    expect((await ask.admin('POST', '/admin/groups', group)).status).toBe(201)

    const answer = await ask.admin('PATCH', `/admin/api-keys/${id}`, { groups: ['auxip'] })

    expect(answer.json.groups).toEqual(['auxip'])
    expect((await ask.admin('GET', '/admin/api-keys?group=auxip')).json.items).toHaveLength(1)
    expectProblem(await ask.admin('DELETE', '/admin/groups/auxip'), 409, 'in_use')
    expectInvalid(await ask.admin('PATCH', `/admin/api-keys/${id}`, { groups: ['auxip', 'cadip'] }), 'groups')
    await ask.admin('PATCH', `/admin/api-keys/${id}`, { groups: [] })
    expect((await ask.admin('DELETE', '/admin/groups/auxip')).status).toBe(204)
  })
})
