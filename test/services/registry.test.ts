import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { createServiceRegistry } from '../../src/services/registry.js'
import type { ServiceRegistry } from '../../src/services/types.js'
import type { Notices } from '../../src/store/notices.js'
import { insertGroup, insertService } from '../../src/store/services.js'
import { openWatchedDatabase, type WatchedDatabase } from '../support/watched-database.js'

const maxStaleMs = 60_000
const query = 'read-registry'

let db: WatchedDatabase
let now: number
let registry: ServiceRegistry
let outages: unknown[]
let announce: () => void
/** As a replica has them whose connection lives; the test takes it away. */
let notices: { epoch: number; silentMs: number }

beforeEach(async () => {
  db = await openWatchedDatabase()
  now = Date.parse('2026-11-21T12:00:00Z')
  outages = []
  notices = { epoch: 1, silentMs: 0 }
  const heard: Notices = {
    get epoch() {
      return notices.epoch
    },
    silentForMs: () => notices.silentMs,
    subscribe: (listener) => {
      announce = () => listener({ services: true })
      return () => {}
    },
  }
  db.notices = heard
  await db.write(async (tx) => {
    for (const [id, limitPerDay] of [
      ['open', null],
      ['limited', 5],
    ] as const) {
      const limits = { limitPerSecond: null, limitPerDay, limitPerMonth: null }
      await insertGroup(tx, {
        id,
        name: id,
        description: '',
        declaredBy: 'api',
        createdAt: new Date(now),
        ...limits,
      })
    }
  })
  await put('one')
  await put('two', {
    prefix: '/one/two',
    groupId: 'limited',
    settings: { access: { scopes: ['read'], write_scopes: ['write', 'read'], kinds: ['server'] } },
  })
  registry = createServiceRegistry({
    db,
    maxStaleMs,
    onOutage: (error) => outages.push(error),
    clock: () => now,
  })
})
afterEach(async () => {
  vi.useRealTimers()
  await registry.close()
  await db.close()
})

const put = (
  id: string,
  { settings = {}, ...others }: { groupId?: string; prefix?: string; settings?: object } = {},
) =>
  db.write((tx) =>
    insertService(tx, {
      ...{ id, groupId: 'open', prefix: `/${id}`, declaredBy: 'api', createdAt: new Date(now) },
      settings: { name: id, target: 'http://upstream.test', ...settings },
      ...others,
    }),
  )
const change = (id: string, settings: object) =>
  db.prisma.service.update({
    where: { id },
    data: { settings: { name: id, target: 'http://upstream.test', ...settings } },
  })

const matched = (path: string) => {
  const found = registry.match(path)
  return found === null || found === 'unknown' ? found : found.descriptor.id
}

test('before it has started nobody can tell', () => {
  expect(registry.match('/one')).toBe('unknown')
  expect(registry.find('one')).toBe('unknown')
  expect(registry.list()).toEqual([])
})

describe('once started', () => {
  beforeEach(() => registry.start())

  test('the service of the longest prefix is found, and by its id', () => {
    expect([matched('/one/x'), matched('/one/two/x'), matched('/other')]).toEqual(['one', 'two', null])
    expect(registry.find('two')).toBe(registry.match('/one/two'))
    expect(registry.find('nowhere')).toBeNull()
    expect(registry.list().map(({ descriptor }) => descriptor.prefix)).toEqual(['/one', '/one/two'])
  })

  test('what a caller needs is decided: rights, kinds, forms, whose calls are counted', () => {
    const two = registry.find('two')

    expect(two).toMatchObject({
      called: {
        id: 'two',
        group: 'limited',
        groupLimits: { id: 'group:limited', limits: { perSecond: null, perDay: 5, perMonth: null } },
      },
      readAccess: {
        scopes: ['read'],
        kinds: ['server'],
        allowQueryKey: false,
        allowCookie: true,
        allowBasic: true,
      },
      writeAccess: { scopes: ['read', 'write'], kinds: ['server'] },
    })
    expect(registry.find('one')).toMatchObject({ called: { groupLimits: null }, readAccess: { scopes: [] } })
  })

  test('a disabled service is unknown, and the one above does not get what its prefix covers', async () => {
    await change('two', { enabled: false })
    await registry.refresh()

    expect([matched('/one/two'), matched('/one/two/x'), registry.find('two')]).toEqual([null, null, null])
    expect([matched('/one'), matched('/one/twos')]).toEqual(['one', 'one'])
    expect(registry.list().map(({ descriptor }) => descriptor.id)).toEqual(['one'])
  })

  test('a path that reads as one of a disabled service is ambiguous', async () => {
    await change('two', { enabled: false })
    await registry.refresh()

    expect(registry.isAmbiguous('/one//two/x', ['/one/two/x'])).toBe(true)
    expect(registry.isAmbiguous('/one//three/x', ['/one/three/x'])).toBe(false)
    expect(registry.decisiveDepth()).toBe(3)
  })

  test('a service that is enabled again is found again', async () => {
    await change('two', { enabled: false })
    await registry.refresh()
    await change('two', { enabled: true })
    await registry.refresh()

    expect([matched('/one/two/x'), registry.find('two')]).toEqual(['two', registry.match('/one/two')])
  })

  test('a service that has not changed stays the same object', async () => {
    const [one, two] = [registry.find('one'), registry.find('two')]
    await change('two', { timeout_ms: 1 })

    await registry.refresh()

    expect(registry.find('one')).toBe(one)
    expect(registry.find('two')).not.toBe(two)
  })

  test('limits of a group that change are those of its services', async () => {
    await db.prisma.serviceGroup.update({ where: { id: 'limited' }, data: { limitPerDay: null } })
    await registry.refresh()

    expect(registry.find('two')).toMatchObject({ called: { groupLimits: null } })
  })

  test('a change that another replica tells of holds at once', async () => {
    await put('three')

    announce()

    await vi.waitFor(() => expect(matched('/three')).toBe('three'), { timeout: 1000 })
  })

  test('a change during a reading is read as well', async () => {
    const held = db.holdNext(query)
    const first = registry.refresh()
    await held.reached
    await put('three')

    const second = registry.refresh()
    held.release()
    await first
    expect(matched('/three')).toBeNull()
    await second

    expect(matched('/three')).toBe('three')
  })

  test('many changes at once cost one reading more, not one each', async () => {
    const before = db.asked.length

    await Promise.all(Array.from({ length: 50 }, () => registry.refresh()))

    expect(db.asked.length - before).toBe(2)
  })
})

describe('when the database is away', () => {
  beforeEach(async () => {
    await registry.start()
    db.isDown = true
  })

  test('what is known serves for as long as allowed, then nobody can tell', () => {
    notices.silentMs = Number.POSITIVE_INFINITY

    now += maxStaleMs - 1
    expect(matched('/one')).toBe('one')
    now += 1

    expect([registry.match('/one'), registry.match('/nowhere'), registry.find('one')]).toEqual([
      'unknown',
      'unknown',
      'unknown',
    ])
  })

  test('a clock that was set back makes nothing fresh', () => {
    notices.silentMs = Number.POSITIVE_INFINITY
    now -= maxStaleMs

    expect(registry.match('/one')).toBe('unknown')
  })

  test('what was heard to have changed serves a second at most', async () => {
    announce()
    await sleep(10)

    now += 999
    expect(matched('/one')).toBe('one')
    now += 1

    expect(registry.match('/one')).toBe('unknown')
  })

  test('reading again is refused to who waits for it', async () => {
    await expect(registry.refresh()).rejects.toMatchObject({ name: 'StoreUnavailable' })
  })

  test('an outage is told once, and all is well as soon as it ends', async () => {
    announce()
    now += 1000
    await vi.waitFor(() => expect(outages).toHaveLength(1))
    await sleep(1100)
    expect(outages).toHaveLength(1)
    expect(registry.match('/one')).toBe('unknown')

    db.isDown = false

    await vi.waitFor(() => expect(matched('/one')).toBe('one'), { timeout: 2000 })
  })
})

describe('when notices cannot be trusted', () => {
  beforeEach(() => registry.start())

  test('what is registered is read anew within the 5 s that a replica may be behind', async () => {
    notices.silentMs = Number.POSITIVE_INFINITY
    await put('three')
    expect(matched('/three')).toBeNull()

    now += 3000

    await vi.waitFor(() => expect(matched('/three')).toBe('three'), { timeout: 2000 })
  })

  test('after a new connection what was read before it is read anew', async () => {
    notices.epoch += 1
    await put('three')

    now += 3000

    await vi.waitFor(() => expect(matched('/three')).toBe('three'), { timeout: 2000 })
  })

  test('while they can be, nothing is read for nothing', async () => {
    const before = db.asked.length

    now += 3_600_000
    await sleep(1200)

    expect(db.asked.length).toBe(before)
    expect(matched('/one')).toBe('one')
  })
})

test('where nothing may be stale, what is up to date serves all the same', async () => {
  const strict = createServiceRegistry({ db, maxStaleMs: 0, clock: () => now })
  await strict.start()

  expect(strict.match('/one')).not.toBe('unknown')
  notices.silentMs = Number.POSITIVE_INFINITY
  now += 5000

  expect(strict.match('/one')).toBe('unknown')
  await strict.close()
})

test('a start without the database fails', async () => {
  db.isDown = true

  await expect(registry.start()).rejects.toMatchObject({ name: 'StoreUnavailable' })
})
