import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { insertGroup } from '../../src/store/services.js'
import { expectProblem } from '../keys/requests.js'
import { openTestDatabase } from '../support/database.js'
import { startService, type TestService } from '../support/service.js'
import { administratorOf } from './administrator.js'

const folder = mkdtempSync(join(tmpdir(), 'latchkey-default-groups-'))
const path = join(folder, 'services.json')
const declare = (...ids: string[]) =>
  writeFileSync(path, JSON.stringify({ groups: ids.map((id) => ({ id, name: id })), services: [] }))

let service: TestService
beforeAll(async () => {
  declare('declared')
  const db = await openTestDatabase()
  const limits = { limitPerSecond: null, limitPerDay: null, limitPerMonth: null }
  const made = {
    id: 'made',
    name: 'Made',
    description: '',
    declaredBy: 'api' as const,
    createdAt: new Date(),
  }
  await db.write((tx) => insertGroup(tx, { ...made, ...limits }))
  service = await startService({ SERVICES_FILE: path, DEFAULT_KEY_GROUPS: 'declared made' }, { db })
})
afterAll(async () => {
  await service.close()
  rmSync(folder, { recursive: true })
})

const { ask } = administratorOf(() => service)

test('a new key is authorised on the default groups, and on nothing else', async () => {
  const key = await service.createKey('bob')

  const elsewhere = await service.inject({ url: '/catalog/collections', headers: { 'x-api-key': key.value } })

  expect(key).toMatchObject({ groups: ['declared', 'made'], services: [] })
  expect([elsewhere.status, elsewhere.json.code]).toEqual([403, 'not_authorized_here'])
})

test('its owner can neither choose nor change the groups', async () => {
  const headers = await service.as('bob')
  const { id } = await service.createKey('bob')

  for (const [method, url] of [
    ['POST', '/api-keys'],
    ['PATCH', `/api-keys/${id}`],
  ] as const) {
    const answer = await service.inject({ method, url, headers, payload: { name: 'wider', groups: [] } })
    expectProblem(answer, 400, 'validation_failed')
  }
})

test('a default group stays, whether the API or the file made it', async () => {
  expectProblem(await ask('DELETE', '/admin/groups/made'), 409, 'in_use')
  declare()

  await service.app.reloadDeclarations()

  expect(service.log.join('')).toContain('groups no longer has declared, which DEFAULT_KEY_GROUPS names')
  expect((await ask('GET', '/admin/groups/declared')).status).toBe(200)
})

test('where a default group is gone all the same, no key is made that would open nothing', async () => {
  await service.db.prisma.apiKey.deleteMany()
  await service.db.prisma.serviceGroup.delete({ where: { id: 'made' } })
  const payload = { name: 'of no use' }

  const answer = await service.inject({
    method: 'POST',
    url: '/api-keys',
    headers: await service.as('bob'),
    payload,
  })

  expectProblem(answer, 503, 'unavailable')
  expect(await service.db.prisma.apiKey.count()).toBe(0)
  expect(service.log.join('')).toContain('DEFAULT_KEY_GROUPS names what is not there: made')
})
