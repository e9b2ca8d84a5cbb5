import type { Database } from '../store/database.js'
import { type Asked, isCertain } from '../store/notices.js'
import { type RegistryRow, readRegistry } from '../store/services.js'
import { compileService } from './compile.js'
import { compileFoldedPrefixes, compilePrefixes, countSegments, foldPath, type MatchPrefix } from './match.js'
import type { RegisteredService, ServiceRegistry } from './types.js'

export interface ServiceRegistryOptions {
  db: Database
  /** How long what was read serves when the database cannot be asked, in milliseconds; at least 5000. */
  maxStaleMs: number
  /** Called when they cannot be read, once until they can again. */
  onOutage?: (error: unknown) => void
  /** Called when they can be read again. */
  onRecovery?: () => void
  /** Milliseconds since the epoch. Default: the system's clock. */
  clock?: () => number
}

interface Known extends Asked {
  /** Disabled services included: the service above must not get what their prefix covers. */
  readonly matchPrefix: MatchPrefix<RegisteredService>
  readonly matchFolded: MatchPrefix<RegisteredService>
  /** Whether a prefix has capitals, or a dot at the end of a segment: then even a plain path may read as another. */
  readonly hasFoldedPrefixes: boolean
  readonly decisiveDepth: number
  /** Enabled services alone, and so the list. */
  readonly byId: ReadonlyMap<string, RegisteredService>
  readonly list: readonly RegisteredService[]
}

/** How often it is looked whether notices can be trusted. */
const lookEveryMs = 500
/** Without that proof, what is older is read anew: well within the 5 s that a replica may be behind then. */
const rereadAfterMs = 3000
/** What is certain as of so long ago is up to date, also where nothing may be stale. */
const freshMs = 5000
/** What is known to be outdated serves no longer than this, while it is being read anew. */
const outdatedForMs = 1000

/** Keeps what is registered in memory, and in step with the database. */
export function createServiceRegistry(options: ServiceRegistryOptions): ServiceRegistry {
  const { db, onOutage = () => {}, onRecovery = () => {}, clock = Date.now } = options
  const servesMs = Math.max(options.maxStaleMs, freshMs)
  const { notices } = db
  const versions = new Map<string, { row: string; service: RegisteredService }>()
  let known: Known | null = null
  /** Since when a change is known of that has not been read; null: none. */
  let outdatedAt: number | null = null
  let isAway = false
  let reading: Promise<void> | null = null
  let nextReading: Promise<void> | null = null
  let stop = () => {}

  return {
    match: (path) => {
      const current = findCurrent()
      if (current === null) return 'unknown'
      const found = current.matchPrefix(path)
      return found?.descriptor.enabled === true ? found : null
    },
    isAmbiguous: (path, readings) => {
      const current = findCurrent()
      if (current === null) return true
      const { matchPrefix, matchFolded, hasFoldedPrefixes } = current
      if (readings.length === 0 && !hasFoldedPrefixes) return false
      const literal = matchPrefix(path)
      return matchFolded(path) !== literal || readings.some((reading) => matchFolded(reading) !== literal)
    },
    decisiveDepth: () => findCurrent()?.decisiveDepth ?? Number.POSITIVE_INFINITY,
    find: (id) => {
      const current = findCurrent()
      return current === null ? 'unknown' : (current.byId.get(id) ?? null)
    },
    list: () => known?.list ?? [],
    start,
    refresh,
    close: async () => {
      stop()
      await Promise.allSettled([reading, nextReading])
    },
  }

  /** Null: nobody can tell. */
  function findCurrent(): Known | null {
    if (known === null) return null
    if (outdatedAt !== null && Math.abs(clock() - outdatedAt) >= outdatedForMs) return null
    return isCertain(notices, known, servesMs, clock()) ? known : null
  }

  async function start(): Promise<void> {
    // First, so that no change between the two is missed.
    const unsubscribe = notices.subscribe((change) => {
      if ('services' in change) refresh().catch(() => {})
    })
    const timer = setInterval(rereadIfNeeded, lookEveryMs).unref()
    stop = () => {
      clearInterval(timer)
      unsubscribe()
    }
    await refresh()
  }

  function rereadIfNeeded(): void {
    if (reading !== null) return
    if (outdatedAt === null && known !== null && isCertain(notices, known, rereadAfterMs, clock())) return
    read().catch(() => {})
  }

  function refresh(): Promise<void> {
    outdatedAt ??= clock()
    if (reading === null) return read()
    // What is being read may be as of a moment before the change.
    nextReading ??= reading
      .catch(() => {})
      .then(() => {
        nextReading = null
        return read()
      })
    return nextReading
  }

  function read(): Promise<void> {
    // As of the question: the answer may be older than its arrival, never older than that.
    const asked = { readAt: clock(), epoch: notices.epoch }
    reading = readRegistry(db)
      .then((rows) => {
        known = { ...asked, ...compile(rows) }
        // Whoever learnt of a change meanwhile waits for the next reading.
        outdatedAt = nextReading === null ? null : outdatedAt
        if (isAway) onRecovery()
        isAway = false
      })
      .catch((error: unknown) => {
        if (!isAway) onOutage(error)
        isAway = true
        throw error
      })
      .finally(() => {
        reading = null
      })
    return reading
  }

  /** A service that has not changed stays the same object, so that what others made of it serves on. */
  function compile(rows: readonly RegistryRow[]): Omit<Known, keyof Asked> {
    const before = new Map(versions)
    versions.clear()
    for (const row of rows) {
      const text = JSON.stringify(row)
      const last = before.get(row.id)
      const service = last?.row === text ? last.service : compileService(row)
      versions.set(row.id, { row: text, service })
    }
    const all = [...versions.values()].map(({ service }) => service)
    const list = all.filter(({ descriptor }) => descriptor.enabled)
    const byPrefix = all.map((service) => [service.descriptor.prefix, service] as const)
    return {
      list,
      byId: new Map(list.map((service) => [service.descriptor.id, service])),
      matchPrefix: compilePrefixes(byPrefix),
      matchFolded: compileFoldedPrefixes(byPrefix),
      hasFoldedPrefixes: byPrefix.some(([prefix]) => foldPath(prefix) !== prefix),
      decisiveDepth: Math.max(0, ...all.map(countDecisive)) + 1,
    }
  }
}

const countDecisive = ({ depth, descriptor: { public_paths, safe_posts } }: RegisteredService) =>
  depth + Math.max(0, ...[...public_paths, ...safe_posts].map(countSegments))
