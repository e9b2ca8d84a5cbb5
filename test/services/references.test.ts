import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { requireGroupsAndServices } from '../../src/services/references.js'
import { expectProblem } from '../keys/requests.js'
import { startService, type TestService } from '../support/service.js'
import { administratorOf } from './administrator.js'

let service: TestService
beforeAll(async () => {
  service = await startService()
})
afterAll(() => service.close())

const { ask, aGroup, aService } = administratorOf(() => service)
const require = (named: { groups: string[]; services: string[] }) =>
  service.db.write((tx) => requireGroupsAndServices(tx, named))

describe('a key may name', () => {
  test('groups and services that are there, the service disabled or not', async () => {
    const { id, group } = await aService({ enabled: false })

    await expect(require({ groups: [group], services: [id] })).resolves.toBeUndefined()
    await expect(require({ groups: [], services: [] })).resolves.toBeUndefined()
  })

  test.each([
    ['groups', { groups: ['nowhere'], services: [] }, 'names service groups that are not there: nowhere'],
    ['services', { groups: [], services: ['gone', 'lost'] }, 'names services that are not there: gone, lost'],
  ])('no %s that are not', async (path, named, message) => {
    await expect(require(named)).rejects.toMatchObject({
      code: 'validation_failed',
      details: { errors: [{ path, message }] },
    })
  })

  test('no service by the name of a group, nor the other way round', async () => {
    const { id, group } = await aService()

    await expect(require({ groups: [id], services: [group] })).rejects.toMatchObject({
      details: { errors: [{ path: 'groups' }, { path: 'services' }] },
    })
  })
})

describe('a change holds before its answer goes out', () => {
  const registry = () => service.app.serviceRegistry

  test('of a service that is made, moved, disabled, enabled and removed', async () => {
    const { id, prefix } = await aService()
    expect(registry().match(`${prefix}/x`)).toMatchObject({ called: { id } })

    await ask('PATCH', `/admin/services/${id}`, { prefix: `${prefix}/moved` })
    expect([registry().match(`${prefix}/x`), registry().match(`${prefix}/moved`)]).toMatchObject([
      null,
      { called: { id } },
    ])

    await ask('PATCH', `/admin/services/${id}`, { enabled: false })
    expect([registry().match(`${prefix}/moved`), registry().find(id)]).toEqual([null, null])

    await ask('PATCH', `/admin/services/${id}`, { enabled: true })
    expect(registry().find(id)).toMatchObject({ called: { id } })

    await ask('DELETE', `/admin/services/${id}`)
    expect(registry().find(id)).toBeNull()
  })

  test('of the limits of a group', async () => {
    const { id } = await aGroup()
    const made = await aService({ group: id })

    await ask('PATCH', `/admin/groups/${id}`, { limits: { per_second: 3 } })

    expect(registry().find(made.id)).toMatchObject({
      called: { groupLimits: { id: `group:${id}`, limits: { perSecond: 3, perDay: null, perMonth: null } } },
    })
  })

  test('and what is refused changes nothing', async () => {
    const { id, group } = await aService()
    const before = registry().find(id)

    expectProblem(await ask('PATCH', `/admin/services/${id}`, { group: 'nowhere' }), 400, 'validation_failed')
    expectProblem(await ask('DELETE', `/admin/groups/${group}`), 409, 'in_use')

    expect(registry().find(id)).toBe(before)
  })
})
