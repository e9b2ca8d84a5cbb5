import type { FastifyBaseLogger } from 'fastify'
import { LRUCache } from 'lru-cache'
import type { Database } from '../store/database.js'
import { StoreUnavailable } from '../store/unavailable.js'
import { applySightings, type DisabledPolicy, type Sighting } from './apply.js'

/** Who remembers owners, and must hear of them. */
export interface Audience {
  /** People whose keys were used since then. */
  ownersUsedSince(since: number): string[]
  invalidateOwner(subject: string): void
  confirmOwner(subject: string, knownAt: number): void
}

export interface SightingsOptions {
  db: Database
  policy: DisabledPolicy
  audience: () => Audience
  log: Pick<FastifyBaseLogger, 'info' | 'warn'>
  /** Milliseconds since the epoch. */
  clock: () => number
}

export interface Sightings {
  /** At once, from memory. */
  isDisabled(subject: string): boolean
  /** Those whom the store has as disabled. */
  recall(subjects: readonly string[]): void
  /** Brings this process and the store to what was seen, each person by themselves. Never rejects. */
  settle(sightings: readonly Sighting[]): Promise<void>
  /** Of the disabled that were listed those of whom the store does not know yet. */
  findNewlyDisabled(listed: ReadonlySet<string>): string[]
  /** Of the disabled those who were not listed, and must be asked for before they are anything else. */
  findUnlisted(listed: ReadonlySet<string>): string[]
}

/** The deleted are asked for so often: a realm may come back from a backup. */
const askAgainAfterMs = 600_000

/** What was last seen of people, and what of it the store has. */
export function createSightings({ db, policy, audience, log, clock }: SightingsOptions): Sightings {
  /** Disabled or deleted; a person may be here whom the store does not know. */
  const disabled = new Set<string>()
  /** Those of whom the store does not know yet, since it could not be asked. */
  const unstored = new Set<string>()
  /** Of the disabled those whom nobody has any more, and when that was last said. */
  const deletedAt = new Map<string, number>()
  /** When the newest sighting was asked for: an answer that was long on its way must not overrule it. */
  const seenAt = new LRUCache<string, number>({ max: 100_000 })
  /** What was stored of people, to know it again while the store is away. */
  const stored = new LRUCache<string, string>({ max: 10_000 })

  return {
    isDisabled: (subject) => disabled.has(subject),
    recall: (subjects) => {
      for (const subject of subjects) disabled.add(subject)
    },
    settle,
    findNewlyDisabled: (listed) =>
      [...listed].filter((subject) => !disabled.has(subject) || unstored.has(subject)),
    findUnlisted: (listed) => {
      const before = clock() - askAgainAfterMs
      return [...disabled].filter(
        (subject) => !listed.has(subject) && (deletedAt.get(subject) ?? 0) <= before,
      )
    },
  }

  async function settle(sightings: readonly Sighting[]): Promise<void> {
    const newest = sightings.filter(isNewest)
    for (const sighting of newest) note(sighting)
    for (const sighting of await store(newest)) {
      const { subject, person, at } = sighting
      unstored.delete(subject)
      // Only now: before, the store would still have had them as disabled, or with the rights of before.
      if (person?.enabled === true && isNewest(sighting)) disabled.delete(subject)
      audience().confirmOwner(subject, at.getTime())
    }
  }

  function isNewest({ subject, at }: Sighting): boolean {
    const last = seenAt.peek(subject)
    // One that lies in the future was noted before the clock was set back.
    return last === undefined || at.getTime() >= last || last > clock()
  }

  function note({ subject, person, at }: Sighting): void {
    seenAt.set(subject, at.getTime())
    if (person === null) deletedAt.set(subject, at.getTime())
    else deletedAt.delete(subject)
    if (person?.enabled === true) return
    disabled.add(subject)
    unstored.add(subject)
  }

  /** @returns those with whom the store agrees */
  async function store(sightings: readonly Sighting[]): Promise<readonly Sighting[]> {
    try {
      await applySightings({ db, policy, now: new Date(clock()), onChange }, sightings)
      for (const { subject, person } of sightings) stored.set(subject, JSON.stringify(person))
      return sightings
    } catch (error) {
      if (!(error instanceof StoreUnavailable))
        log.warn({ err: error }, 'what was seen of owners could not be stored')
      // Of whom the same was stored before, the store need not be asked: keys in use must outlive its outage.
      return sightings.filter(({ subject, person }) => stored.get(subject) === JSON.stringify(person))
    }
  }

  /** Called after each change, even one of which nobody knows whether it was done. */
  function onChange({ subject, person }: Sighting): void {
    audience().invalidateOwner(subject)
    stored.delete(subject)
    if (person?.enabled === true) log.info({ subject }, 'an owner of keys changed at the identity provider')
    else
      log.warn({ subject, deleted: person === null }, 'an owner of keys is disabled at the identity provider')
  }
}
