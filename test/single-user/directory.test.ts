import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { Database } from '../../src/store/database.js'
import { subjects } from '../keys/requests.js'
import { openTestDatabase } from '../support/database.js'
import { startService } from '../support/service.js'
import { me, openPrinted, startSingleUser } from './a-service.js'

let db: Database

beforeAll(async () => {
  db = await openTestDatabase()
})
afterAll(() => db.close())

test('an identity provider is not asked about the single user, whose keys do not end because it knows nobody called so', async () => {
  const env = { KEY_ENCRYPTION_SECRET: 'e'.repeat(32), OWNER_DISABLED_POLICY: 'revoke' }
  const single = await startSingleUser(env, { db })
  const { cookie } = await openPrinted(single)
  const own = await single.inject({
    ...{ method: 'POST', url: '/api-keys', headers: { 'x-api-key': single.key } },
    payload: { name: 'heir', never_expires: true },
  })
  await single.app.close()

  const asked: string[] = []
  const find = async (subject: string) => {
    asked.push(subject)
    return null
  }
  const directory = { listDisabled: async () => new Set<string>(), find }
  const first = await startService(env, { db })
  await first.createKey('alice')
  await first.app.close()
  await db.prisma.owner.updateMany({ data: { knownAt: new Date('2020-01-01') } })
  const followed = await startService(env, { db, directory })
  const statusOfSession = (await me(followed, { cookie })).status
  await vi.waitFor(
    async () =>
      expect(await db.prisma.owner.findMany({ where: { enabled: false } })).toMatchObject([
        { subject: subjects.alice },
      ]),
    10_000,
  )
  await followed.app.close()
  const again = await startSingleUser(env, { db })
  const status = (await me(again, { 'x-api-key': own.json.value })).status
  await again.app.close()

  expect(statusOfSession).toBe(401)
  expect(new Set(asked)).toEqual(new Set([subjects.alice]))
  expect(status).toBe(200)
}, 120_000)
