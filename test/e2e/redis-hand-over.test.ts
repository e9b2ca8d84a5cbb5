import { setTimeout as delay } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { createLimitKeeper, type LimitKeeper, type LimitKeeperOptions } from '../../src/limits/index.js'
import { type Database, openDatabase } from '../../src/store/database.js'
import { aParty, countPassed } from '../limits/a-keeper.js'
import { migrationsDir } from '../support/migrations-dir.js'
import { quotaTimeZone } from '../support/quota-time-zone.js'
import { type Postgresql, startPostgresql } from './support/postgresql.js'
import { type RedisServer, startRedis } from './support/redis.js'

let postgresql: Postgresql
let redis: RedisServer
let databases: Database[]
let keepers: LimitKeeper[] = []

beforeAll(async () => {
  postgresql = await startPostgresql()
  const open = () => openDatabase({ url: postgresql.url, dataDir: '', migrationsDir })
  databases = [await open(), await open()]
})
beforeEach(async () => {
  redis = await startRedis()
})
afterEach(async () => {
  await Promise.all(keepers.map((keeper) => keeper.close()))
  await redis.stop()
  keepers = []
})
afterAll(async () => {
  await Promise.all(databases.map((database) => database.close()))
  await postgresql.stop()
})

/** So many replicas, each of which has heard of the others. */
async function startReplicas(
  replicas: number,
  options: Partial<LimitKeeperOptions> = {},
): Promise<LimitKeeper[]> {
  for (let at = 0; at < replicas; at++) {
    keepers.push(
      createLimitKeeper({
        // biome-ignore lint/style/noNonNullAssertion: there are two, and every second replica takes the same.
        db: databases[at % 2]!,
        timeZone: quotaTimeZone,
        headerPrefix: 'Otoroshi',
        clock: Date.now,
        redisUrl: redis.url,
        whenRedisIsDown: 'local',
        log: { warn: () => {}, info: () => {} },
        onError: () => {},
        ...options,
      }),
    )
  }
  await Promise.all(keepers.map((keeper) => keeper.take([aParty({ perDay: 1 })])))
  await delay(1500)
  return keepers
}

const untilNextSecond = () => delay(1000 - (Date.now() % 1000) + 20)

test.each([1, 2])(
  'a Redis that is killed and comes back gives nobody a second twice, with %i replicas',
  async (replicas) => {
    const party = aParty({ perSecond: 10 })
    const all = await startReplicas(replicas)
    const passed = new Map<number, number>()
    let isOver = false
    const callers = all.flatMap((keeper) =>
      Array.from({ length: 4 }, async () => {
        while (!isOver) {
          if ((await keeper.take([party])).kind === 'passed') {
            const second = Math.floor(Date.now() / 1000)
            passed.set(second, (passed.get(second) ?? 0) + 1)
          }
          await delay(10)
        }
      }),
    )
    for (let times = 0; times < 3; times++) {
      await untilNextSecond()
      await delay(150)
      await redis.crash()
      await delay(2600)
      await untilNextSecond()
      await redis.restart()
      await delay(2600)
    }
    isOver = true
    await Promise.all(callers)

    expect(Math.max(...passed.values())).toBe(10)
  },
)

test('a Redis that is emptied gives no call twice, whoever notices it first', async () => {
  // One of them is long in writing: it must have written before the other counts in the empty Redis.
  const [busy, idle] = (await startReplicas(2, { flushEveryMs: 60_000 })) as [LimitKeeper, LimitKeeper]
  const party = aParty({ perDay: 50 })
  await countPassed(idle, [party], 30)
  const another = new Redis(redis.url)

  await another.flushall()
  const passed = (await countPassed(busy, [party], 40)) + (await countPassed(idle, [party], 40))

  another.disconnect()
  expect(passed).toBeLessThanOrEqual(20)
})

test('a reset that Redis cannot hear of is no reset, and says so', async () => {
  const [keeper] = (await startReplicas(1)) as [LimitKeeper]
  const party = aParty({ perDay: 5 })
  await countPassed(keeper, [party], 5)
  redis.pause()
  await keeper.take([party])

  await expect(keeper.reset(party.id)).rejects.toThrow(expect.objectContaining({ name: 'StoreUnavailable' }))

  redis.resume()
  await delay(3000)
  await keeper.reset(party.id)
  expect(await countPassed(keeper, [party], 9)).toBe(5)
})
