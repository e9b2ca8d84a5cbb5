import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { administrationOf } from '../admin/world.js'
import { startService, type TestService } from '../support/service.js'
import { expectProblem, requestsTo, subjects } from './requests.js'

let service: TestService
const { as, countRows } = requestsTo(() => service)
const ask = administrationOf(() => service)
beforeAll(async () => {
  service = await startService({ KEY_CHANGES_PER_HOUR: '5' })
})
afterAll(() => service.close())
beforeEach(async () => {
  service.clock.freeze('2026-11-29T12:00:00.000Z')
  await service.db.write(async (tx) => {
    await tx.apiKey.deleteMany()
    await tx.auditEvent.deleteMany()
  })
})

let names = 0
const create = (person: 'alice' | 'bob' = 'bob') => {
  names += 1
  return as(person, 'POST', '/api-keys', { name: `key ${names}` })
}

/** Makes changes until the next one is refused, a minute between them. @returns the id of the first key */
async function useUp(): Promise<string> {
  const { id } = (await create()).json
  for (let made = 1; made < 5; made++) {
    service.clock.advance(60_000)
    expect((await create()).status).toBe(201)
  }
  return id
}

describe('the changes of an owner within an hour', () => {
  test('are so many and not one more, and what is refused leaves nothing behind', async () => {
    const id = await useUp()
    const before = await countRows()

    const answers = [
      await create(),
      await as('bob', 'POST', `/api-keys/${id}/renew`),
      await as('bob', 'POST', `/api-keys/${id}/rotate`),
    ]

    for (const answer of answers) {
      expectProblem(answer, 429, 'rate_limited')
      // The first was made four minutes ago.
      expect(answer.headers['retry-after']).toBe(String(56 * 60))
    }
    expect(await countRows()).toEqual(before)
  })

  test('are possible again when Retry-After says so, one for each that is an hour old', async () => {
    await useUp()
    service.clock.advance(56 * 60_000 - 1)
    expectProblem(await create(), 429, 'rate_limited')

    service.clock.advance(1)

    expect((await create()).status).toBe(201)
    const refused = await create()
    expectProblem(refused, 429, 'rate_limited')
    expect(refused.headers['retry-after']).toBe('60')
  })

  test('count renewals and rotations', async () => {
    const { id } = (await create()).json
    for (const verb of ['renew', 'rotate', 'renew', 'rotate'])
      expect((await as('bob', 'POST', `/api-keys/${id}/${verb}`)).status).toBe(200)

    expectProblem(await as('bob', 'POST', `/api-keys/${id}/renew`), 429, 'rate_limited')
  })

  test('do not count revoking, pausing, changing and deleting, which stay possible', async () => {
    const id = await useUp()

    for (let time = 0; time < 7; time++) {
      expect((await as('bob', 'PATCH', `/api-keys/${id}`, { enabled: time % 2 === 1 })).status).toBe(200)
      expect((await as('bob', 'PATCH', `/api-keys/${id}`, { note: `${time}` })).status).toBe(200)
    }
    expect((await as('bob', 'POST', `/api-keys/${id}/revoke`)).status).toBe(200)
    expect((await as('bob', 'DELETE', `/api-keys/${id}`)).status).toBe(204)
    service.clock.advance(56 * 60_000)
    expect((await create()).status).toBe(201)
  })

  test('do not count what was refused for another reason', async () => {
    const { id, name } = (await create()).json
    for (let time = 0; time < 7; time++) {
      expectProblem(await as('bob', 'POST', '/api-keys', { name }), 409, 'name_taken')
      const body = { expires_at: '2020-01-01T00:00:00Z' }
      expectProblem(await as('bob', 'POST', `/api-keys/${id}/renew`, body), 400, 'validation_failed')
    }

    for (let made = 1; made < 5; made++) expect((await create()).status).toBe(201)
  })

  test('are exact however many come at once', async () => {
    const answers = await Promise.all(Array.from({ length: 12 }, () => create()))

    const statuses = answers.map((answer) => answer.status)
    expect(statuses.filter((each) => each === 201)).toHaveLength(5)
    expect(statuses.filter((each) => each === 429)).toHaveLength(7)
    expect((await countRows()).keys).toBe(5)
  })

  test('are each owner’s own', async () => {
    await useUp()

    expect((await create('alice')).status).toBe(201)
  })

  test('still count when the keys were deleted since', async () => {
    await useUp()
    await service.db.write((tx) => tx.apiKey.deleteMany())

    expectProblem(await create(), 429, 'rate_limited')
  })
})

describe('an administrator', () => {
  test('changes the keys of someone whose changes are used up, and uses none of them', async () => {
    const id = await useUp()
    const value = (await as('alice', 'POST', '/api-keys', { name: `alice ${names}` })).json.value
    for (let time = 0; time < 7; time++)
      expect((await ask.admin('POST', `/admin/api-keys/${id}/renew`)).status).toBe(200)

    service.clock.advance(56 * 60_000)
    expect((await create()).status).toBe(201)
    expect((await ask.with(value)).status).toBe(200)
  })

  test('makes, renews and rotates any number of server keys', async () => {
    const { id } = await ask.serverKey()
    for (let time = 0; time < 7; time++) {
      await ask.serverKey()
      expect((await ask.admin('POST', `/admin/api-keys/${id}/rotate`)).status).toBe(200)
    }

    expect((await create('alice')).status).toBe(201)
  })

  test('imports keys for a person without using up that person’s changes', async () => {
    await create()
    for (let time = 0; time < 7; time++) {
      const value_sha256 = Buffer.alloc(32, time).toString('hex')
      await ask.admin('POST', '/admin/api-keys', { name: `i${time}`, owner: subjects.bob, value_sha256 })
    }

    expect((await create()).status).toBe(201)
  })
})
