import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { startService, type TestService } from '../support/service.js'
import { administrationOf, expectInvalid, expectProblem } from './world.js'

let service: TestService
const ask = administrationOf(() => service)
beforeAll(async () => {
  service = await startService()
})
afterAll(() => service.close())
beforeEach(async () => {
  service.clock.freeze('2026-11-29T12:00:00.000Z')
  await service.db.write((tx) => tx.apiKey.deleteMany())
  await service.db.write((tx) => tx.owner.deleteMany({ where: { kind: 'server' } }))
})

const day = 86_400_000

describe('an administrator who rotates', () => {
  test('gets the new value of a server key, and the old one ends', async () => {
    const { id, value } = await ask.serverKey()

    const answer = await ask.admin('POST', `/admin/api-keys/${id}/rotate`)

    expect(answer.status).toBe(200)
    expect(answer.json.id).toBe(id)
    expect((await ask.with(value)).status).toBe(401)
    expect((await ask.with(answer.json.value)).json.subject).toBe(`server:${id}`)
    const [last] = (await ask.linesOf(id)).slice(-1)
    expect(last).toMatchObject({ action: 'key.rotated', actorLogin: 'alice', details: { grace_seconds: 0 } })
    expect(JSON.stringify(last?.details)).not.toContain(answer.json.value)
  })

  test('may let the old value work for a grace', async () => {
    const { id, value } = await ask.serverKey()

    const answer = await ask.admin('POST', `/admin/api-keys/${id}/rotate`, { grace_seconds: 60 })

    expect((await ask.with(value)).status).toBe(200)
    service.clock.advance(61_000)
    expect((await ask.with(value)).status).toBe(401)
    expect((await ask.with(answer.json.value)).status).toBe(200)
  })

  test.each(['bob', 'alice'] as const)('gets no value of a key of a person: %s', async (person) => {
    const { id, value } = await service.createKey(person)

    const answer = await ask.admin('POST', `/admin/api-keys/${id}/rotate`)

    expectProblem(answer, 403, 'not_authorized_here')
    expect(answer.body).not.toContain('lk_')
    expect((await ask.with(value)).status).toBe(200)
    expect(await ask.linesOf(id)).toHaveLength(1)
  })

  test.each([
    [{ grace_seconds: -1 }, 'grace_seconds'],
    [{ grace_seconds: 30 * 86_400 + 1 }, 'grace_seconds'],
    [{ value: 'mine' }, 'value'],
  ])('is refused with %j, and nothing changes', async (body, member) => {
    const { id, value } = await ask.serverKey()

    expectInvalid(await ask.admin('POST', `/admin/api-keys/${id}/rotate`, body), member)
    expect((await ask.with(value)).status).toBe(200)
  })

  test('finds no key under an unknown id, and a person may not ask', async () => {
    const { id, value } = await ask.serverKey()

    expectProblem(await ask.admin('POST', '/admin/api-keys/unknown/rotate'), 404, 'not_found')
    expectProblem(await ask.bob('POST', `/admin/api-keys/${id}/rotate`), 403, 'insufficient_scope')
    expect((await ask.with(value)).status).toBe(200)
  })
})

describe('an administrator who renews', () => {
  test('brings back a key of anyone that an administrator revoked', async () => {
    const { id, value } = await service.createKey('bob')
    await ask.admin('POST', `/admin/api-keys/${id}/revoke`)
    expectProblem(await ask.bob('POST', `/api-keys/${id}/renew`), 403, 'set_by_administrator')

    const answer = await ask.admin('POST', `/admin/api-keys/${id}/renew`)

    const end = new Date(service.clock.now() + 15 * day).toISOString()
    expect(answer.json).toMatchObject({ status: 'active', revoked_by: null, expires_at: end })
    expect((await ask.with(value)).status).toBe(200)
    expect((await ask.linesOf(id)).at(-1)).toMatchObject({ action: 'key.renewed', actorLogin: 'alice' })
    expect((await ask.bob('POST', `/api-keys/${id}/renew`)).status).toBe(200)
  })

  test('gives an end that its owner cannot move further, and may lie beyond what owners may ask for', async () => {
    const { id } = await service.createKey('bob')
    const end = new Date(service.clock.now() + 1000 * day).toISOString()

    const answer = await ask.admin('POST', `/admin/api-keys/${id}/renew`, { expires_at: end })

    expect(answer.json.expires_at).toBe(end)
    const near = new Date(service.clock.now() + day).toISOString()
    await ask.admin('POST', `/admin/api-keys/${id}/renew`, { expires_at: near })
    const later = new Date(service.clock.now() + 2 * day).toISOString()
    const own = await ask.bob('POST', `/api-keys/${id}/renew`, { expires_at: later })
    expectProblem(own, 403, 'set_by_administrator')
  })

  test('renews a server key that has ended, and one that never ends stays so', async () => {
    const { id, value } = await ask.serverKey({ expires_in: 60 })
    const { id: endless } = await ask.serverKey({ never_expires: true })
    service.clock.advance(61_000)
    expect((await ask.with(value)).status).toBe(401)

    await ask.admin('POST', `/admin/api-keys/${id}/renew`)

    expect((await ask.with(value)).status).toBe(200)
    expect((await ask.admin('POST', `/admin/api-keys/${endless}/renew`)).json.expires_at).toBeNull()
  })

  test('does not bring back what was revoked for good', async () => {
    const { id, value } = await service.createKey('bob')
    await ask.bob('POST', `/api-keys/${id}/revoke`, { permanent: true })

    expectProblem(await ask.admin('POST', `/admin/api-keys/${id}/renew`), 409, 'permanently_revoked')
    expect((await ask.with(value)).status).toBe(401)
  })

  test.each(['2020-01-01T00:00:00Z', '9999-12-31T23:59:59-23:59', '2026-02-30T00:00:00Z', 'soon'])(
    'is refused with an end that is none: %s',
    async (end) => {
      const { id } = await service.createKey('bob')

      expectInvalid(await ask.admin('POST', `/admin/api-keys/${id}/renew`, { expires_at: end }), 'expires_at')
      expect(await ask.linesOf(id)).toHaveLength(1)
    },
  )

  test('keeps to the number of working keys that its owner may hold', async () => {
    const { id } = await service.createKey('bob')
    await ask.admin('POST', `/admin/api-keys/${id}/revoke`)
    for (let made = 0; made < 20; made++) await service.createKey('bob')

    expectProblem(await ask.admin('POST', `/admin/api-keys/${id}/renew`), 409, 'key_limit_reached')
  })
})
