import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openDatabase } from '../../src/store/database.js'
import { administrationOf, expectProblem, subjects } from '../admin/world.js'
import { addManyKeys } from '../support/many-keys.js'
import { migrationsDir } from '../support/migrations-dir.js'
import { startService, type TestService } from '../support/service.js'
import { requirePostgresql } from './support/environment.js'
import { createDatabase } from './support/postgresql.js'

/** Two replicas in this process, on one PostgreSQL: what one is told the other hears by the notices. */
let one: TestService
let other: TestService
const ask = administrationOf(() => one)
const askOther = administrationOf(() => other)
beforeAll(async () => {
  const url = await createDatabase(await requirePostgresql())
  const open = () => openDatabase({ url, dataDir: '', migrationsDir, log: () => {} })
  one = await startService({}, { db: await open() })
  other = await startService({}, { db: await open() })
})
afterAll(async () => {
  await one.close()
  await other.close()
})

/** What the product promises of what is told to one replica, at the other. */
const heard = { timeout: 100, interval: 5 }
const provider = (disabled: boolean) => ({ name: 'api-key', type: 'api-key', disabled })

describe('the other replica', () => {
  test('refuses every key once keys are switched off, and takes them again afterwards', async () => {
    const { value } = await one.createKey('bob')
    const statusThere = async () => (await askOther.with(value)).status
    expect(await statusThere()).toBe(200)

    await ask.admin('PUT', '/admin/providers/api-key', provider(true))
    await expect.poll(statusThere, heard).toBe(401)
    await ask.admin('PUT', '/admin/providers/api-key', provider(false))

    await expect.poll(statusThere, heard).toBe(200)
  })

  test('refuses all keys of a person once they are revoked', async () => {
    const keys = [await one.createKey('bob'), await one.createKey('bob')]
    const statusesThere = () =>
      Promise.all(keys.map(async ({ value }) => (await askOther.with(value)).status))
    expect(await statusesThere()).toEqual([200, 200])

    await ask.admin('POST', `/admin/users/${subjects.bob}/api-keys/revoke`)

    await expect.poll(statusesThere, heard).toEqual([401, 401])
  })

  test('knows the new rights of a server key, and that it is gone', async () => {
    const { id, value } = await ask.serverKey({ scopes: ['read'] })
    const rightsThere = async () => (await askOther.with(value)).json.scopes
    expect(await rightsThere()).toEqual(['read'])

    await ask.admin('PATCH', `/admin/api-keys/${id}`, { scopes: ['write'] })
    await expect.poll(rightsThere, heard).toEqual(['write'])
    await ask.admin('DELETE', `/admin/api-keys/${id}`)

    await expect.poll(async () => (await askOther.with(value)).status, heard).toBe(401)
  })
})

test('an import at two replicas at once makes one key', async () => {
  const wanted = { name: 'moved', value_sha256: createHash('sha256').update('a foreign value').digest('hex') }

  const answers = await Promise.all(
    [ask, askOther, ask, askOther].map((each) => each.admin('POST', '/admin/api-keys', wanted)),
  )

  expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409])
})

test('imports for a person, and new secrets of their imported keys, are all done, at two replicas at once', async () => {
  await one.createKey('bob')
  const secret = (n: number) => `a-secret-of-another-system-number-${n}`
  const importKey = (n: number) =>
    ask.admin('POST', '/admin/api-keys', {
      ...{ name: `moved ${n}`, id: `moved-${n}`, secret: secret(n), owner: subjects.bob },
    })
  expect((await importKey(0)).status).toBe(201)

  const answers = await Promise.all([
    ...[1, 2, 3, 4].map(importKey),
    ...[5, 6, 7, 8].map((n) =>
      askOther.admin('PATCH', '/admin/api-keys/moved-0', { secret: secret(n), note: `${n}` }),
    ),
  ])

  expect(answers.map(({ status }) => status)).toEqual([201, 201, 201, 201, 200, 200, 200, 200])
})

test('a key that is revoked and renewed at two replicas at once stays revoked', async () => {
  for (let round = 0; round < 10; round += 1) {
    const { id } = await one.createKey('alice')

    await Promise.all([
      ask.admin('POST', `/admin/api-keys/${id}/revoke`),
      askOther.admin('POST', `/api-keys/${id}/renew`),
      askOther.admin('POST', `/api-keys/${id}/renew`),
    ])

    expect((await ask.admin('GET', `/admin/api-keys/${id}`)).json.revoked_by).toBe('administrator')
    expectProblem(await askOther.admin('POST', `/api-keys/${id}/renew`), 403, 'set_by_administrator')
  }
})

test('10,000 keys of a person are revoked within two seconds, and refused at the other replica as they are here', async () => {
  const [first, last] = [await one.createKey('bob'), await one.createKey('bob')]
  await addManyKeys(one.db, subjects.bob, 10_000)
  const statusesThere = () =>
    Promise.all([first, last].map(async ({ value }) => (await askOther.with(value)).status))
  expect(await statusesThere()).toEqual([200, 200])

  const begun = performance.now()
  const answer = await ask.admin('POST', `/admin/users/${subjects.bob}/api-keys/revoke`)
  const ms = performance.now() - begun

  await expect.poll(statusesThere, heard).toEqual([401, 401])
  expect(answer.status).toBe(200)
  expect(answer.json.revoked.length).toBeGreaterThan(10_001)
  expect(ms).toBeLessThan(2_000)
})

test('keys of several owners are revoked at once at two replicas, and nobody waits for ever', async () => {
  const keys = await Promise.all([one.createKey('alice'), one.createKey('bob'), ask.serverKey()])
  const ids = keys.map(({ id }) => id)

  const answers = await Promise.all(
    [ask, askOther, ask, askOther].map((each, at) =>
      each.admin('POST', '/admin/api-keys/revoke', { ids: at % 2 === 0 ? ids : ids.toReversed() }),
    ),
  )

  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200])
  expect(answers.flatMap(({ json }) => json.revoked).sort()).toEqual([...ids].sort())
  for (const { value } of keys)
    await expect.poll(async () => (await askOther.with(value)).status, heard).toBe(401)
})

test('the ledger reads the same at both', async () => {
  const [here, there] = [await ask.admin('GET', '/admin/audit'), await askOther.admin('GET', '/admin/audit')]

  expect(here.json.items.length).toBeGreaterThan(20)
  expect(there.json).toEqual(here.json)
})
