import type { FastifyBaseLogger } from 'fastify'
import { LRUCache } from 'lru-cache'
import { type OwnerWatch, type Standing, trustLastLogin } from '../auth/owner-watch.js'
import { isSubject } from '../auth/token-rules.js'
import type { Database } from '../store/database.js'
import { findDisabledPeople, findLongUnseenPeople, rememberFollowed, wasFollowed } from '../store/owners.js'
import { createTurns } from '../store/write-queue.js'
import type { DisabledPolicy, Sighting } from './apply.js'
import { createContact } from './contact.js'
import { type Audience, createSightings } from './sightings.js'
import type { DirectorySource } from './source.js'

export interface FollowOptions {
  source: DirectorySource
  db: Database
  policy: DisabledPolicy
  /** What is known of an owner serves that long without asking. */
  syncMs: number
  /** How long it serves when the identity provider cannot be asked. */
  maxStaleMs: number
  /** How long a check may wait for an answer about its owner. Default 1000. */
  patienceMs?: number
  log: Pick<FastifyBaseLogger, 'info' | 'warn' | 'error'>
  /** Milliseconds since the epoch. */
  clock: () => number
}

export interface Directory extends OwnerWatch {
  /** Begins to follow; resolved, those are known whom the store has as disabled. */
  start(audience: Audience): Promise<void>
  /** One round of following, now. Never rejects. */
  sync(): Promise<void>
  close(): Promise<void>
}

/** For an identity provider whose people never change. */
export const fixedPeople: Directory = {
  ...trustLastLogin,
  follows: () => true,
  start: async () => {},
  sync: async () => {},
  close: async () => {},
}

/** Questions about single people at once. */
const atOnce = 8
/** The rows of one statement. */
const batchSize = 1000
const retryAwayMs = 5000
/** After a look that led to nothing, what is known of the person serves that long before the next. */
const retryLookMs = 5000
const longUnseenEveryMs = 60_000
const longUnseenAtOnce = 200

/**
 * Follows the people whom keys act for: a poll of everyone who is disabled covers idle keys too, and people whose keys
 * are in use are looked at one by one, each at least once in `syncMs`. Two rounds fall into that time, so that nobody
 * waits for the next. A person whom the identity provider cannot answer about stops nobody else.
 */
export function followDirectory(options: FollowOptions): Directory {
  const { source, db, policy, syncMs, maxStaleMs, patienceMs = 1000, log, clock } = options
  const roundMs = syncMs / 2
  const contact = createContact({ log, remember })
  const sightings = createSightings({ db, policy, log, clock, audience: () => audience })
  const turns = createTurns({ places: atOnce, patienceMs: 2 * retryLookMs })
  const looks = new Map<string, Promise<void>>()
  const inVainAt = new LRUCache<string, number>({ max: 10_000 })
  const used = new LRUCache<string, number>({ max: 100_000 })
  let audience: Audience = { ownersUsedSince: () => [], invalidateOwner: () => {}, confirmOwner: () => {} }
  let isRecalled = false
  let unseenAt = Number.NEGATIVE_INFINITY
  let timer: NodeJS.Timeout | undefined
  let running: Promise<void> | undefined
  const asking = new Set<AbortController>()
  let isClosed = false

  return {
    follows: contact.follows,
    isDisabled: sightings.isDisabled,
    standing,
    look,
    noteUse: (subject) => void used.set(subject, clock()),
    start,
    sync,
    close,
  }

  function standing(subject: string, knownAt: number, now: number): Standing {
    if (contact.isRefused()) return 'current'
    const ageMs = Math.abs(now - knownAt)
    if (ageMs < syncMs) return 'current'
    const wasInVain = Math.abs(now - (inVainAt.get(subject) ?? Number.NEGATIVE_INFINITY)) < retryLookMs
    if (!contact.isAway() && !wasInVain) return 'look'
    // Where nobody was ever followed, what the last login told is all there is.
    return ageMs < maxStaleMs || !contact.hasEverFollowed() ? 'current' : 'unknown'
  }

  async function look(subject: string): Promise<void> {
    let timeout: NodeJS.Timeout | undefined
    const late = new Promise<void>((resolve) => {
      timeout = setTimeout(() => {
        noteInVain(subject)
        resolve()
      }, patienceMs)
    })
    await Promise.race([lookOnce(subject), late])
    clearTimeout(timeout)
  }

  /** One question about a person for all who wait for it. */
  function lookOnce(subject: string): Promise<void> {
    const running = looks.get(subject)
    if (running !== undefined) return running
    const look = lookAt([subject]).finally(() => looks.delete(subject))
    looks.set(subject, look)
    return look
  }

  /** Asks about people, a few at once, and settles what was seen. Never rejects. */
  async function lookAt(owners: readonly string[]): Promise<void> {
    // The single user may be in the store from another start, and is unknown at the identity provider.
    const subjects = owners.filter(isSubject)
    for (let start = 0; start < subjects.length && !isClosed; start += atOnce) {
      const seen = await Promise.all(subjects.slice(start, start + atOnce).map(see))
      await sightings.settle(seen.filter((sighting) => sighting !== null))
    }
  }

  /** Null: it could not be told, which concerns this person alone. */
  async function see(subject: string): Promise<Sighting | null> {
    try {
      return await turns(async () => {
        const at = new Date(clock())
        return { subject, person: await ask((signal) => source.find(subject, signal)), at }
      })
    } catch (error) {
      if (isClosed) return null
      noteInVain(subject)
      log.warn({ subject, err: error }, 'the identity provider could not tell of an owner of keys')
      return null
    }
  }

  /** Asks the identity provider, until the close. One signal for all questions would keep what each of them adds to it. */
  async function ask<T>(question: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const controller = new AbortController()
    if (isClosed) controller.abort()
    asking.add(controller)
    try {
      return await question(controller.signal)
    } finally {
      asking.delete(controller)
    }
  }

  /** Whether the identity provider as a whole is away, the next round finds out, which then shall come soon. */
  function noteInVain(subject: string): void {
    inVainAt.set(subject, clock())
    void sync()
  }

  async function start(listener: Audience): Promise<void> {
    audience = listener
    await recall().catch(logFailure)
    void runRounds()
  }

  async function runRounds(): Promise<void> {
    await sync()
    if (isClosed) return
    const isWell = !contact.isAway() && !contact.isRefused()
    timer = setTimeout(() => void runRounds(), isWell ? roundMs : Math.min(roundMs, retryAwayMs))
    timer.unref()
  }

  function sync(): Promise<void> {
    running ??= runRound()
      .catch(logFailure)
      .finally(() => {
        running = undefined
      })
    return running
  }

  async function runRound(): Promise<void> {
    if (isClosed) return
    await recall()
    const at = new Date(clock())
    let listed: ReadonlySet<string>
    try {
      // A person of the realm must not disable a server user.
      listed = new Set([...(await ask((signal) => source.listDisabled(signal)))].filter(isSubject))
    } catch (error) {
      if (!isClosed) contact.noteFailure(error)
      return
    }
    if (isClosed) return
    await settleDisabled(listed, at)
    await lookAt(findAbout())
    // Not before: whoever comes back from an outage has no use for all owners being looked at at once.
    contact.noteAnswer()
    await lookAt(await findLongUnseen())
  }

  /** What was known before this process started, so that an outage at the start finds nobody enabled who was not. */
  async function recall(): Promise<void> {
    if (isRecalled) return
    sightings.recall(await findDisabledPeople(db))
    contact.recall(await wasFollowed(db))
    isRecalled = true
  }

  async function settleDisabled(listed: ReadonlySet<string>, at: Date): Promise<void> {
    // Who is not on the list is asked for: pages shift while they are read, and a mistake here would be a yes.
    const unlisted = sightings.findUnlisted(listed)
    const added = sightings.findNewlyDisabled(listed)
    for (let start = 0; start < added.length; start += batchSize) {
      const batch = added.slice(start, start + batchSize)
      await sightings.settle(batch.map((subject) => ({ subject, person: { enabled: false }, at })))
    }
    await lookAt(unlisted)
  }

  /** Who is about: in the last two rounds at least one of their keys was accepted, or they were logged in. */
  function findAbout(): string[] {
    const since = clock() - 2 * roundMs
    const present = [...used].flatMap(([subject, at]) => (at < since ? [] : [subject]))
    return [...new Set([...audience.ownersUsedSince(since), ...present])]
  }

  /** People with working keys whom nobody uses, before their knowledge gets so old that an outage would stop the keys. */
  async function findLongUnseen(): Promise<string[]> {
    const now = clock()
    if (Math.abs(now - unseenAt) < longUnseenEveryMs) return []
    unseenAt = now
    const before = new Date(now - maxStaleMs / 2)
    return findLongUnseenPeople(db, { before, now: new Date(now), limit: longUnseenAtOnce })
  }

  function remember(followed: boolean): void {
    rememberFollowed(db, followed).catch(logFailure)
  }

  function logFailure(error: unknown): void {
    if (!isClosed) log.warn({ err: error }, 'owners could not be brought to what is known of them')
  }

  async function close(): Promise<void> {
    isClosed = true
    clearTimeout(timer)
    // A slow identity provider must not hold the end of the process.
    for (const controller of asking) controller.abort()
    await running
  }
}
