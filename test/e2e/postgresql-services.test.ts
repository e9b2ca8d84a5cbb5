import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Actor } from '../../src/audit/actor.js'
import { descriptorDefaults } from '../../src/schemas/service.js'
import { applyServicesFile } from '../../src/services/apply-file.js'
import { createServiceGroup, deleteServiceGroup } from '../../src/services/change-group.js'
import { changeService, createService, removeService } from '../../src/services/change-service.js'
import type { ServiceContext } from '../../src/services/context.js'
import { requireGroupsAndServices } from '../../src/services/references.js'
import { createServiceRegistry } from '../../src/services/registry.js'
import { createTargetPolicy } from '../../src/services/target-policy.js'
import { type Database, openDatabase } from '../../src/store/database.js'
import { migrationsDir } from '../support/migrations-dir.js'
import { requirePostgresql } from './support/environment.js'
import { createDatabase, runSql } from './support/postgresql.js'

type Replica = ServiceContext & { db: Database }

const folder = mkdtempSync(join(tmpdir(), 'latchkey-replicas-'))
const path = join(folder, 'services.json')
const actor: Actor = {
  principal: {
    ...{ subject: 'admin', login: 'admin', name: null, email: null, kind: 'user', via: 'session' },
    ...{ roles: [], scopes: [], attributes: {}, config: {} },
  },
  address: '127.0.0.1',
  requestId: 'request',
  actingAs: 'administrator',
}

let superuserUrl: string
let url: string
let name: string
let replicas: Replica[]
let one: Replica
let other: Replica

beforeEach(async () => {
  const server = await requirePostgresql()
  superuserUrl = server.superuserUrl
  url = await createDatabase(server)
  name = new URL(url).pathname.slice(1)
  replicas = []
  one = await openReplica()
  other = await openReplica()
})
afterEach(async () => {
  await Promise.all(replicas.map(({ registry }) => registry.close()))
  await Promise.all(replicas.map(({ db }) => db.close()))
  await runSql(superuserUrl, `DROP DATABASE ${name} WITH (FORCE)`)
  rmSync(path, { force: true })
})

const anyTarget = createTargetPolicy({ allowed: undefined, publicUrls: [], host: '127.0.0.1', ports: [] })

/** A replica without its endpoints. */
async function openReplica(): Promise<Replica> {
  const db = await openDatabase({ url, dataDir: '', migrationsDir })
  const registry = createServiceRegistry({ db, maxStaleMs: 60_000 })
  await registry.start()
  const replica = { db, registry, clock: Date.now, targets: anyTarget, defaultGroups: [] }
  replicas.push(replica)
  return replica
}

const noLimits = { per_second: null, per_day: null, per_month: null }
const makeGroup = (id: string) =>
  createServiceGroup(one, actor, { id, name: id, description: '', limits: noLimits })
const makeService = (id: string, group: string) =>
  createService(one, actor, {
    ...structuredClone(descriptorDefaults),
    ...{ id, name: id, group, prefix: `/${id}`, target: 'http://upstream.test' },
  })

/** Makes a key that names these, in a transaction that goes on for so long. */
const makeKey = (replica: Replica, named: { groups: string[]; services: string[] }, lastingMs = 0) =>
  replica.db.write(async (tx) => {
    await requireGroupsAndServices(tx, named)
    await sleep(lastingMs)
    const now = new Date()
    const id = `key-${Math.random()}`
    await tx.owner.create({
      data: { subject: id, kind: 'user', login: id, rights: [], knownAt: now },
    })
    await tx.apiKey.create({
      data: {
        ...{ id, ownerSubject: id, name: id, createdAt: now, scopes: ['inherit'], ...named },
        ...{ allowedReferers: [], allowedIps: [] },
      },
    })
  })

test('a change is known to every replica within 100 ms, and here before it is answered', async () => {
  await makeGroup('rs')
  await makeService('auxip', 'rs')
  expect(one.registry.match('/auxip/x')).toMatchObject({ called: { id: 'auxip' } })
  await expect.poll(() => other.registry.find('auxip'), { timeout: 1000, interval: 2 }).not.toBeNull()

  await changeService(one, actor, 'auxip', { enabled: false })
  const changedAt = performance.now()

  expect(one.registry.match('/auxip/x')).toBeNull()
  await expect.poll(() => other.registry.match('/auxip/x'), { timeout: 1000, interval: 2 }).toBeNull()
  expect(performance.now() - changedAt).toBeLessThan(100)
})

test('what was missed while the connection for notices was lost is known within 5 s', async () => {
  await makeGroup('rs')
  await makeService('auxip', 'rs')
  await expect.poll(() => other.registry.find('auxip')).not.toBeNull()
  // Announced to nobody, as if it had happened just then.
  await runSql(url, `UPDATE services SET prefix = '/moved'`)
  await sleep(500)
  expect(other.registry.match('/auxip')).toMatchObject({ called: { id: 'auxip' } })

  await runSql(
    superuserUrl,
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE datname = $1 AND application_name = 'latchkey-changes'`,
    [name],
  )

  await expect.poll(() => other.registry.match('/auxip'), { timeout: 5000 }).toBeNull()
  expect(other.registry.match('/moved')).toMatchObject({ called: { id: 'auxip' } })
})

describe('at once', () => {
  test('two replicas apply one file, and each entry is made once', async () => {
    const groups = [{ id: 'rs', name: 'RS-Server' }]
    const services = Array.from({ length: 20 }, (_, at) => ({
      ...{ id: `s${at}`, name: 'One of 20', group: 'rs', prefix: `/s${at}`, target: 'http://upstream.test' },
    }))
    writeFileSync(path, JSON.stringify({ groups, services }))

    const changes = await Promise.all(
      [one, other, one, other].map((replica) => applyServicesFile(replica, path)),
    )

    expect(changes.sort((a, b) => a - b)).toEqual([0, 0, 0, 21])
    expect(await one.db.prisma.auditEvent.count()).toBe(21)
    // Who had nothing to change hears of it, as of any change of another replica.
    for (const { registry } of [one, other]) await expect.poll(() => registry.list()).toHaveLength(20)
  })

  test('a group is not deleted while a key that names it is being made', async () => {
    await makeGroup('rs')
    const making = makeKey(other, { groups: ['rs'], services: [] }, 300)
    await sleep(100)

    const deleting = deleteServiceGroup(one, actor, 'rs')

    await expect(deleting).rejects.toMatchObject({ code: 'in_use' })
    await expect(making).resolves.toBeUndefined()
  })

  test('a key is not made that names what is being deleted', async () => {
    await makeGroup('rs')
    await makeService('auxip', 'rs')
    const named = [
      { groups: [], services: ['auxip'] },
      { groups: ['rs'], services: [] },
    ]

    for (const [at, remove] of [removeService, deleteServiceGroup].entries()) {
      const id = at === 0 ? 'auxip' : 'rs'
      const outcomes = await Promise.allSettled([
        remove(one, actor, id),
        ...Array.from({ length: 5 }, () =>
          makeKey(other, named[at] ?? named[0] ?? { groups: [], services: [] }),
        ),
      ])
      const [removed, ...made] = outcomes.map(({ status }) => status === 'fulfilled')
      // Either it is gone and no key names it, or it is there and every key was made.
      expect(made.some((isMade) => isMade)).toBe(!removed)
      await one.db.prisma.apiKey.deleteMany()
      if (!removed) await remove(one, actor, id)
    }
  })
})
