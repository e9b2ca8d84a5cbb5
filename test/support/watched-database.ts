import { setTimeout as sleep } from 'node:timers/promises'
import type { Database, PreparedQuery } from '../../src/store/database.js'
import { StoreUnavailable } from '../../src/store/unavailable.js'
import { openTestDatabase } from './database.js'

/** A real database that tells what was asked of it on the hot path, and that can be slow or down. */
export interface WatchedDatabase extends Database {
  /** The prepared queries so far, newest last. */
  asked: PreparedQuery[]
  /** While true, everything fails as it does when the database cannot be asked. */
  isDown: boolean
  /** The next prepared query of this name is answered when the returned function is called: as it was read now. */
  holdNext(name: string): { reached: Promise<void>; release(): void }
  /** The next prepared query of this name fails, 20 ms later. */
  failNext(name: string): void
}

export const lookUpQuery = 'find-keys-to-verify'

export async function openWatchedDatabase(): Promise<WatchedDatabase> {
  const db = await openTestDatabase()
  const failing = new Set<string>()
  const held = new Map<string, { reach: () => void; released: Promise<void> }>()
  const watched: WatchedDatabase = {
    asked: [],
    isDown: false,
    kind: db.kind,
    appliedMigrations: db.appliedMigrations,
    // As of a database that other processes change as well, and from which nothing is heard.
    notices: { epoch: 0, silentForMs: () => Number.POSITIVE_INFINITY, subscribe: () => () => {} },
    get prisma() {
      requireUp()
      return db.prisma
    },
    async query<T>(query: PreparedQuery): Promise<T[]> {
      watched.asked.push(query)
      requireUp()
      if (failing.delete(query.name)) {
        await sleep(20)
        throw new StoreUnavailable(new Error('This query fails'))
      }
      const rows = await db.query<T>(query)
      const hold = held.get(query.name)
      if (hold !== undefined) {
        held.delete(query.name)
        hold.reach()
        await hold.released
      }
      return rows
    },
    async write(work, options) {
      requireUp()
      return db.write(work, options)
    },
    isReachable: async (timeoutMs) => !watched.isDown && (await db.isReachable(timeoutMs)),
    close: () => db.close(),
    holdNext(name) {
      let reach = () => {}
      let release = () => {}
      const reached = new Promise<void>((resolve) => {
        reach = resolve
      })
      const released = new Promise<void>((resolve) => {
        release = resolve
      })
      held.set(name, { reach, released })
      return { reached, release: () => release() }
    },
    failNext: (name) => void failing.add(name),
  }
  return watched

  function requireUp() {
    if (watched.isDown) throw new StoreUnavailable(new Error('The test took the database down'))
  }
}
