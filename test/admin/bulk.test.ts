import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { addManyKeys } from '../support/many-keys.js'
import { startService, type TestService } from '../support/service.js'
import { administrationOf, subjects } from './world.js'

// Many rows are made first, and other test files share the machine.
vi.setConfig({ testTimeout: 60_000 })

const count = 10_000
/** Less than two seconds on an idle machine. One key at a time took six minutes there. */
const patienceMs = 20_000

let service: TestService
const ask = administrationOf(() => service)
beforeAll(async () => {
  service = await startService({ MAX_KEYS_PER_USER: '1000000' })
})
afterAll(() => service.close())
beforeEach(async () => {
  await service.db.write((tx) => tx.apiKey.deleteMany())
  await service.createKey('bob')
})

async function timed<T>(work: () => Promise<T>): Promise<{ result: T; ms: number }> {
  const begun = performance.now()
  const result = await work()
  return { result, ms: performance.now() - begun }
}

test('all 10,000 keys of a person are revoked in seconds, with a line of the ledger each', async () => {
  const ids = await addManyKeys(service.db, subjects.bob, count)
  const { id, value } = await service.createKey('bob')
  expect((await ask.with(value)).status).toBe(200)

  const { result, ms } = await timed(() => ask.admin('POST', `/admin/users/${subjects.bob}/api-keys/revoke`))

  expect((await ask.with(value)).status).toBe(401)
  expect(result.status).toBe(200)
  expect(result.json.revoked).toHaveLength(count + 2)
  expect(result.json.revoked).toEqual(expect.arrayContaining([ids[0], ids.at(-1), id]))
  expect(ms).toBeLessThan(patienceMs)
  const { prisma } = service.db
  const requestId = String(result.headers['x-request-id'])
  const where = { action: 'key.revoked', ownerSubject: subjects.bob, requestId }
  expect(await prisma.auditEvent.count({ where })).toBe(count + 2)
  expect(await prisma.apiKey.count({ where: { revokedBy: 'administrator' } })).toBe(count + 2)
})
