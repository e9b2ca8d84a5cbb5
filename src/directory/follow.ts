import type { FastifyBaseLogger } from 'fastify'
import { LRUCache } from 'lru-cache'
import { type OwnerWatch, type Standing, trustLastLogin } from '../auth/owner-watch.js'
import type { Database } from '../store/database.js'
import { findDisabledPeople, findLongUnseenPeople, rememberFollowed, wasFollowed } from '../store/owners.js'
import { StoreUnavailable } from '../store/unavailable.js'
import { applySightings, type DisabledPolicy, type Sighting } from './apply.js'
import { type DirectorySource, NotAllowed } from './source.js'

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

/** Who remembers owners, and must hear of them. */
export interface Audience {
  /** People whose keys were used since then. */
  ownersUsedSince(since: number): string[]
  forgetOwner(subject: string): void
  confirmOwner(subject: string, knownAt: number): void
}

export interface Directory extends OwnerWatch {
  /** Begins to follow. */
  start(audience: Audience): void
  /** One round of following, now; for tests and the first one. */
  sync(): Promise<void>
  close(): Promise<void>
}

/** For an identity provider whose people never change. */
export const fixedPeople: Directory = {
  ...trustLastLogin,
  follows: () => true,
  start: () => {},
  sync: async () => {},
  close: async () => {},
}

/**
 * `starting`: nothing was answered yet. `following`: it answers. `away`: it does not, for now. `refused`: it says that
 * this service may not look people up.
 */
type Contact = 'starting' | 'following' | 'away' | 'refused'

const atOnce = 8
/** The rows of one statement. */
const batchSize = 1000
const retryAwayMs = 5000
const retryLookMs = 1000
/** How many of the people who were not seen for long are looked at in a round. */
const longUnseenARound = 50

/**
 * Follows the people whom keys act for: a poll of everyone who is disabled covers idle keys too, and people whose keys
 * are in use are looked at one by one, each at least once in `syncMs`. Two rounds fall into that time, so that nobody
 * waits for the next. People with working keys whom nobody uses are looked at before their knowledge gets so old that an
 * outage would stop them.
 */
export function followDirectory(options: FollowOptions): Directory {
  const { source, db, policy, syncMs, maxStaleMs, log, clock } = options
  const patienceMs = options.patienceMs ?? 1000
  const roundMs = syncMs / 2
  /** Disabled or deleted; a person may be here whom the store does not know. */
  let disabled = new Set<string>()
  /** Of the disabled those who do not exist any more, so that each poll need not ask for them again. */
  const deleted = new Set<string>()
  /** Those of whom the store does not know yet, since it could not be asked. */
  const unstored = new Set<string>()
  const used = new Map<string, number>()
  const looks = new Map<string, Promise<void>>()
  /** What was stored of people, to know it again while the store is away. */
  const stored = new LRUCache<string, string>({ max: 10_000 })
  let contact: Contact = 'starting'
  let hasFollowed = false
  /** What the identity provider said before this process started; undefined: the store was not asked yet. */
  let followedBefore: boolean | null | undefined
  let audience: Audience = { ownersUsedSince: () => [], forgetOwner: () => {}, confirmOwner: () => {} }
  let timer: NodeJS.Timeout | undefined
  let running: Promise<void> | undefined
  let isClosed = false

  return { follows, isDisabled, standing, look, noteUse, start, sync, close }

  function follows(): boolean | null {
    if (contact === 'refused') return false
    return contact === 'following' || followedBefore === true ? true : null
  }

  function isDisabled(subject: string): boolean {
    return disabled.has(subject)
  }

  function standing(knownAt: number, now: number): Standing {
    if (contact === 'refused') return 'current'
    const age = Math.abs(now - knownAt)
    if (age < syncMs) return 'current'
    if (contact !== 'away') return 'look'
    // Where nobody was ever followed, what the last login told is all there is.
    return age < maxStaleMs || followedBefore === false || followedBefore === null ? 'current' : 'unknown'
  }

  function noteUse(subject: string): void {
    used.set(subject, clock())
  }

  async function look(subject: string): Promise<void> {
    let timeout: NodeJS.Timeout | undefined
    const late = new Promise<void>((resolve) => {
      timeout = setTimeout(() => {
        noteAway(new Error(`No answer about a person within ${patienceMs} ms`))
        resolve()
      }, patienceMs)
    })
    await Promise.race([lookOnce(subject), late])
    clearTimeout(timeout)
  }

  /** One question about a person for all who wait for it, and for who comes soon after one that led to nothing. */
  function lookOnce(subject: string): Promise<void> {
    const running = looks.get(subject)
    if (running !== undefined) return running
    const look = lookAt([subject]).then(
      () => void looks.delete(subject),
      (error: unknown) => {
        logUnlessAway(error)
        setTimeout(() => looks.delete(subject), retryLookMs).unref()
      },
    )
    looks.set(subject, look)
    return look
  }

  /** Asks about people, a few at once, and brings the store and this process to what was seen. */
  async function lookAt(subjects: readonly string[]): Promise<void> {
    for (let start = 0; start < subjects.length; start += atOnce) {
      await settle(await Promise.all(subjects.slice(start, start + atOnce).map(see)))
    }
  }

  async function see(subject: string): Promise<Sighting> {
    const at = new Date(clock())
    return { subject, person: await ask(() => source.find(subject)), at }
  }

  /** @throws Unanswered, when that has been noted */
  async function ask<T>(question: () => Promise<T>): Promise<T> {
    try {
      return await question()
    } catch (cause) {
      // While it was followed, a service account that disappears is an outage; only a new start takes it for a wish.
      if (cause instanceof NotAllowed && !hasFollowed) noteRefused(cause)
      else noteAway(cause)
      throw new Unanswered(cause)
    }
  }

  /** Brings the store and this process to what was seen. @throws StoreUnavailable, unless nothing changed */
  async function settle(sightings: readonly Sighting[]): Promise<void> {
    for (const { subject, person } of sightings) {
      if (person?.enabled !== true) {
        disabled.add(subject)
        unstored.add(subject)
      }
      if (person === null) deleted.add(subject)
      else deleted.delete(subject)
    }
    const confirmed = await store(sightings)
    for (const { subject, person, at } of confirmed) {
      unstored.delete(subject)
      // Only now: before, the store would still have had them as disabled, or with the rights of before.
      if (person?.enabled === true) disabled.delete(subject)
      audience.confirmOwner(subject, at.getTime())
    }
  }

  /** @returns those with whom the store agrees now */
  async function store(sightings: readonly Sighting[]): Promise<readonly Sighting[]> {
    try {
      for (const subject of await applySightings(db, policy, sightings)) audience.forgetOwner(subject)
      for (const { subject, person } of sightings) stored.set(subject, JSON.stringify(person))
      return sightings
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error
      // Of whom the same was stored before, the store need not be asked: keys in use must outlive its outage.
      const unchanged = sightings.filter(
        ({ subject, person }) => stored.get(subject) === JSON.stringify(person),
      )
      if (unchanged.length < sightings.length) throw error
      return unchanged
    }
  }

  function start(listener: Audience): void {
    audience = listener
    void runRounds()
  }

  async function runRounds(): Promise<void> {
    await sync()
    if (isClosed) return
    timer = setTimeout(
      () => void runRounds(),
      contact === 'following' ? roundMs : Math.min(roundMs, retryAwayMs),
    )
    timer.unref()
  }

  function sync(): Promise<void> {
    running ??= syncOnce()
      .catch(logUnlessAway)
      .finally(() => {
        running = undefined
      })
    return running
  }

  async function syncOnce(): Promise<void> {
    await readStore()
    const listed = await ask(() => source.listDisabled())
    // Each for itself: what the store cannot do now must not keep the keys in use from being confirmed.
    await settleDisabled(listed).catch(logUnlessAway)
    await lookAt(findAbout())
    await lookAt(await findLongUnseen())
    // Not before: whoever comes back from an outage has no use for all owners being looked at at once.
    noteFollowing()
  }

  /** What was known before this process started, so that an outage at the start finds nobody enabled who was not. */
  async function readStore(): Promise<void> {
    if (followedBefore !== undefined) return
    const [before, subjects] = [await wasFollowed(db), await findDisabledPeople(db)]
    for (const subject of subjects) disabled.add(subject)
    followedBefore = before
  }

  async function settleDisabled(listed: ReadonlySet<string>): Promise<void> {
    const before = disabled
    disabled = new Set([...before, ...listed])
    const at = new Date(clock())
    const added = [...listed].filter((subject) => !before.has(subject) || unstored.has(subject))
    for (let start = 0; start < added.length; start += batchSize) {
      const batch = added.slice(start, start + batchSize)
      await settle(batch.map((subject) => ({ subject, person: { enabled: false }, at })))
    }
    // Who is not on the list is asked for: pages shift while they are read, and a mistake here would be a yes.
    await lookAt([...before].filter((subject) => !listed.has(subject) && !deleted.has(subject)))
  }

  /** Who is about: in the last two rounds at least one of their keys was accepted, or they were logged in. */
  function findAbout(): string[] {
    const since = clock() - 2 * roundMs
    for (const [subject, at] of used) if (at < since) used.delete(subject)
    return [...new Set([...audience.ownersUsedSince(since), ...used.keys()])]
  }

  function findLongUnseen(): Promise<string[]> {
    const now = clock()
    const before = new Date(now - maxStaleMs / 2)
    return findLongUnseenPeople(db, { before, now: new Date(now), limit: longUnseenARound })
  }

  function noteFollowing(): void {
    if (contact !== 'following') log.info('the identity provider tells who the owners of keys are')
    contact = 'following'
    hasFollowed = true
    rememberAnswer(true)
  }

  function noteRefused(error: NotAllowed): void {
    if (contact !== 'refused') {
      log.warn(
        { err: error },
        'owners of keys are not followed: what their last login told serves, and no key may live for ever',
      )
    }
    contact = 'refused'
    rememberAnswer(false)
  }

  function noteAway(error: unknown): void {
    if (contact === 'refused') return
    if (contact !== 'away')
      log.error({ err: error }, 'the identity provider does not tell who the owners of keys are')
    contact = 'away'
  }

  function logUnlessAway(error: unknown): void {
    if (!(error instanceof Unanswered))
      log.error({ err: error }, 'owners could not be brought to what is known of them')
  }

  function rememberAnswer(followed: boolean): void {
    if (followedBefore === followed || isClosed) return
    followedBefore = followed
    rememberFollowed(db, followed).catch((error: unknown) => {
      log.warn({ err: error }, 'whether owners can be followed could not be stored')
    })
  }

  async function close(): Promise<void> {
    isClosed = true
    clearTimeout(timer)
    await running
  }
}

/** The identity provider gave no answer; what that means has been noted. */
class Unanswered extends Error {
  override readonly name = 'Unanswered'
  constructor(cause: unknown) {
    super('The identity provider did not answer', { cause })
  }
}
